"""minilm-small with fp32 weights: what serving is compared on, since every server can run it."""

from collections.abc import Callable
from pathlib import Path

from export.errors import ExportError
from export.jobs.messages import Failed, Outcome
from export.jobs.plan import plan
from export.jobs.pool import run_builds
from export.recipe import RECIPES, Recipe, read_recipe
from registry import Artifact, FileStore
from registry.manifest import Quantization, QuantizationScheme

BASE = "minilm-small"
MODEL_ID = "minilm-fp32"
# Git-ignored, and outside the registry: nothing that is served.
ROOT = Path(__file__).resolve().parent / ".artifacts"
FP32 = Quantization(scheme=QuantizationScheme.FP32, bits=32)


def fp32_artifact(tell: Callable[[str], None]) -> Artifact:
    """The artifact, built by the pipeline itself where it is missing or outdated.

    Raises:
        ExportError: it cannot be built.
    """
    store = FileStore(ROOT)
    stale = tuple(build.recipe for build in plan((_recipe(),), store) if build.reason)
    for outcome in run_builds(stale, ROOT, 1, _Watcher(tell)):
        if isinstance(outcome, Failed):
            raise ExportError(outcome.error)
    return store.resolve(MODEL_ID)


def _recipe() -> Recipe:
    changes = {"model_id": MODEL_ID, "quantization": FP32, "variants": {}}
    return read_recipe(RECIPES / BASE).model_copy(update=changes)


class _Watcher:
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def begun(self, model_id: str, step: str) -> None:
        """Say so."""
        self._tell(f"building {model_id}: {step}")

    def holds(self, model_id: str, resident: int | None) -> None:
        """Not of interest here."""

    def ended(self, outcome: Outcome) -> None:
        """Not of interest here."""
