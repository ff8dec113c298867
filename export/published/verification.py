"""Repeats, on a published artifact, everything that its build verified."""

from collections.abc import Iterator

from export.errors import VerificationError
from export.passes.verify import GraphRun
from export.published.checks import Check
from export.published.drift_from_source import check_drift
from export.published.golden_checks import GoldenRun
from export.recipe import Recipe
from registry import Artifact, FileStore, RegistryError
from registry.manifest import MANIFEST_FILE


def verify_artifact(
    artifact: Artifact, recipe: Recipe | None, store: FileStore
) -> tuple[Check, ...]:
    """All checks, up to the first that leaves nothing to run.

    Without its recipe the artifact is not compared with its source. Raises RecipeError.
    """
    return tuple(_checks(artifact, recipe, store))


def _checks(artifact: Artifact, recipe: Recipe | None, store: FileStore) -> Iterator[Check]:
    files = _check_files(artifact)
    yield files
    if not files.passed:
        return
    try:
        run = GraphRun(artifact.path(artifact.manifest.model.path))
        golden = GoldenRun.of(artifact, run)
    except VerificationError as exc:
        yield Check(name="graph", passed=False, detail=str(exc))
        return
    yield Check(name="graph", passed=True)
    yield golden.check_preparation()
    yield golden.check_native()
    yield golden.check_batch()
    yield golden.check_wasm()
    yield check_drift(artifact, run, recipe, store)


def _check_files(artifact: Artifact) -> Check:
    listed = {MANIFEST_FILE, *(file.path for file in artifact.manifest.files)}
    try:
        artifact.verify()
    except RegistryError as exc:
        return Check(name="files", passed=False, detail=str(exc))
    foreign = sorted({path.name for path in artifact.folder.iterdir()} - listed)
    detail = f"{artifact.folder} also has {', '.join(foreign)}" if foreign else ""
    return Check(name="files", passed=not foreign, detail=detail)
