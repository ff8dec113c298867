"""Two artifacts side by side: what their manifests say, what their graphs do, how they answer."""

from collections.abc import Iterator, Mapping

import numpy as np
from pydantic import JsonValue

from export.drift import measure_drift
from export.graph_files import graph_bytes
from export.inference import Float64s, TextPreparation
from export.passes.verify import GraphRun
from export.published.graph_statistics import GraphStatistics
from export.verification_texts import VerificationTexts
from registry import Artifact, Manifest
from registry.manifest import Drift, Frozen

MOST_DIFFERENT = 5
# Names and digests always differ, and evidence is about one build.
_NOT_COMPARED = {"model_id", "version", "digest", "files", "parity", "provenance", "schema_version"}


class Pair(Frozen):
    """A field or an operator, and what it is in each; null where it is missing."""

    name: str
    a: JsonValue
    b: JsonValue


class TextAnswers(Frozen):
    """A text and its two probabilities."""

    text: str
    a: float
    b: float


class Comparison(Frozen):
    """What differs between artifact `a` and artifact `b`.

    `drift` is of |difference of probability| over natural texts; its flips are counted with each
    artifact's own threshold. `most_different` holds the texts that are furthest apart.
    """

    a: str
    b: str
    manifest: tuple[Pair, ...]
    operators: tuple[Pair, ...]
    parameters: tuple[int, int]
    drift: Drift
    most_different: tuple[TextAnswers, ...]


def compare_artifacts(a: Artifact, b: Artifact) -> Comparison:
    """Run both on the drift texts. Raises VerificationError where a graph cannot be loaded."""
    texts = _texts(a.manifest, b.manifest)
    ours, theirs = _answers(a, texts), _answers(b, texts)
    graph, other_graph = _statistics(a), _statistics(b)
    thresholds = (a.manifest.decision.threshold, b.manifest.decision.threshold)
    furthest = np.argsort(-np.abs(ours - theirs), kind="stable")[:MOST_DIFFERENT]
    return Comparison(
        a=a.manifest.reference,
        b=b.manifest.reference,
        manifest=tuple(_pairs(_terms(a.manifest), _terms(b.manifest))),
        operators=tuple(_pairs(graph.operators, other_graph.operators)),
        parameters=(graph.parameters, other_graph.parameters),
        drift=measure_drift(ours, theirs, *thresholds).drift,
        most_different=tuple(
            TextAnswers(text=texts[place], a=ours[place], b=theirs[place]) for place in furthest
        ),
    )


def _texts(a: Manifest, b: Manifest) -> tuple[str, ...]:
    one, other = (VerificationTexts.of(m.source.kind, graph_bytes(m)).drift for m in (a, b))
    return one if len(one) < len(other) else other


def _statistics(artifact: Artifact) -> GraphStatistics:
    return GraphStatistics.of(artifact.path(artifact.manifest.model.path))


def _answers(artifact: Artifact, texts: tuple[str, ...]) -> Float64s:
    preparation = TextPreparation.of_artifact(artifact)
    run = GraphRun(artifact.path(artifact.manifest.model.path))
    return preparation.probabilities_by_length(run, tuple(map(preparation.prepare, texts)))


def _terms(manifest: Manifest) -> dict[str, JsonValue]:
    """Every value of the manifest that can be compared, by its dotted name."""
    terms = manifest.model_dump(mode="json", exclude=_NOT_COMPARED)
    files: dict[str, JsonValue] = {f"file {file.path}": file.bytes for file in manifest.files}
    return {**dict(_flattened(terms)), **files}


def _flattened(
    values: Mapping[str, JsonValue], prefix: str = ""
) -> Iterator[tuple[str, JsonValue]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _pairs(a: Mapping[str, JsonValue], b: Mapping[str, JsonValue]) -> Iterator[Pair]:
    for name in dict.fromkeys((*a, *b)):
        if a.get(name) != b.get(name):
            yield Pair(name=name, a=a.get(name), b=b.get(name))
