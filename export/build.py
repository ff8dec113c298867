"""From a recipe to a published artifact, pass by pass."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from export.errors import ExportError
from export.recipe import Recipe
from registry import Artifact, FileStore, RegistryError

P = ParamSpec("P")
R = TypeVar("R")
PASSES = (
    "load",
    "to_onnx",
    "optimize",
    "quantize",
    "verify",
    "check_browser",
    "measure_memory",
    "package",
    "publish",
)


class Progress(Protocol):
    """Told of each pass as it begins."""

    def begin(self, model_id: str, step: str) -> None:
        """The pass `step` of this model begins."""
        ...


def build(recipe: Recipe, store: FileStore, progress: Progress) -> Artifact:
    """Run every pass. Raises ExportError naming the pass; nothing is published then."""
    # Imported here: a build that has nothing to do must not wait for onnx and scikit-learn.
    from export.passes.check_browser import check_browser
    from export.passes.load import load
    from export.passes.measure_memory import measure_memory
    from export.passes.optimize import optimize
    from export.passes.package import package
    from export.passes.publish import publish
    from export.passes.quantize import quantize
    from export.passes.to_onnx import to_onnx
    from export.passes.verify import verify

    def step(run: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        progress.begin(recipe.model_id, run.__name__)
        try:
            return run(*args, **kwargs)
        except (ExportError, RegistryError) as exc:
            raise type(exc)(f"{recipe.model_id}: pass {run.__name__}: {exc}") from exc

    loaded = step(load, recipe)
    with tempfile.TemporaryDirectory() as folder:
        # No name for the graph: its weights must not stay in memory beside the session's.
        quantized = step(quantize, step(optimize, step(to_onnx, loaded)), Path(folder))
        verified = step(verify, quantized)
        checked = step(check_browser, verified)
        measured = step(measure_memory, checked)
        packaged = step(package, measured)
        return step(publish, packaged, store)
