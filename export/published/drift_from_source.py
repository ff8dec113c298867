"""An artifact against the model that it was made from, on texts that nobody trained on."""

from export.drift import measure_drift
from export.errors import RecipeError
from export.graph_files import graph_bytes
from export.inference import TextPreparation
from export.jobs.record import read_record
from export.passes.load import LoadedModel, load
from export.passes.verify import GraphRun
from export.provenance import build_inputs
from export.published.checks import Check
from export.published.golden_checks import tolerance_of
from export.recipe import Recipe
from export.verification_texts import VerificationTexts
from registry import Artifact, FileStore

NAME = "drift from source, p99"
# Groups of a build's inputs that may change and leave the source what it was.
NOT_THE_SOURCE = {"code", "options", "tools"}


def check_drift(
    artifact: Artifact, run: GraphRun, recipe: Recipe | None, store: FileStore
) -> Check:
    """p99 of |difference of probability|, and label flips."""
    if recipe is None:
        return Check(name=NAME, passed=None, detail="only with its recipe")
    try:
        if _has_changed(recipe, artifact, store):
            return Check(name=NAME, passed=None, detail="its recipe has changed since")
        loaded = load(recipe)
    except (RecipeError, ModuleNotFoundError) as exc:
        return Check(name=NAME, passed=None, detail=f"its source cannot be loaded: {exc}")
    return _measured(artifact, run, loaded)


def _has_changed(recipe: Recipe, artifact: Artifact, store: FileStore) -> bool:
    """Whether the source is another one than that of the build; no, where it left no record."""
    record = read_record(store.root, artifact.manifest)
    if record is None:
        return False
    before, now = record.inputs, build_inputs(recipe)
    return any(before.get(group) != now[group] for group in now.keys() - NOT_THE_SOURCE)


def _measured(artifact: Artifact, run: GraphRun, loaded: LoadedModel) -> Check:
    manifest, preparation = artifact.manifest, TextPreparation.of_artifact(artifact)
    texts = VerificationTexts.of(manifest.source.kind, graph_bytes(manifest))
    prepared = tuple(map(preparation.prepare, texts.drift))
    ours = preparation.probabilities_by_length(run, prepared, texts.batch)
    theirs = preparation.probabilities_by_length(loaded.source.run, prepared, texts.batch)
    measured = measure_drift(ours, theirs, manifest.decision.threshold)
    drift, place = measured.drift, measured.furthest
    tolerance = tolerance_of(manifest)
    passed = drift.p99 <= tolerance.source_p99 and drift.flips <= tolerance.flips
    found = f"p50 {drift.p50:.1e}, max {drift.max:.1e}, {drift.flips:.1%} of {drift.n} labels flip"
    where = (
        f" (allowed {tolerance.flips:.1%}); furthest is {prepared[place].text[:40]!r}: "
        f"{ours[place]:.7f}, and {loaded.source.reference} says {theirs[place]:.7f}"
    )
    return Check(
        name=NAME,
        passed=passed,
        measured=drift.p99,
        allowed=tolerance.source_p99,
        recorded=manifest.parity.drift.p99 if manifest.parity.drift else None,
        detail=found if passed else found + where,
    )
