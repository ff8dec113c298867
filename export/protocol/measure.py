"""Runs a built artifact on documents, and on what becomes of them when they are cut or changed."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from export.inference import Float64s, TextPreparation
from export.passes.verify import GraphRun
from export.protocol.documents import UNKNOWN, Documents
from export.protocol.measured import Estimate, Length, Measured, Named
from export.protocol.statistics import (
    Figure,
    auroc,
    calibration_error,
    estimate,
    quality,
    rate_at,
    reliability,
    roc,
    tpr_at,
)
from export.training.perturbations import PERTURBATIONS
from export.training.views import first_words
from registry import Artifact

WORDS = (10, 25, 50, 100, 200)
# Of the documents, so many are changed in each way.
CHANGED = 3
BATCH = 16
Told = Callable[[int], None]


def steps(documents: int) -> int:
    """How many texts are run for so many documents."""
    return documents * (1 + len(WORDS)) + documents // CHANGED * len(PERTURBATIONS)


def measure(artifact: Artifact, documents: Documents, tell: Told) -> Measured:
    """The whole protocol; `tell` is told of texts that were run.

    Raises:
        VerificationError: the graph does not load.
    """
    manifest = artifact.manifest
    run = _Run(artifact, tell)
    labels, groups = documents.labels, documents.groups
    threshold = manifest.decision.threshold
    whole = run(documents.texts)
    changed = documents.part(np.arange(len(documents) // CHANGED))

    def estimated(figure: Figure) -> Estimate:
        return estimate(figure, whole, labels, groups)

    return Measured(
        model=manifest.reference,
        digest=manifest.digest,
        dataset=documents.name,
        dataset_sha256=documents.sha256,
        held_out=documents.held_out,
        n=len(documents),
        n_human=int((labels == 0).sum()),
        threshold=threshold,
        auroc=estimated(auroc),
        tpr_at_1pct_fpr=estimated(tpr_at(0.01)),
        tpr_at_5pct_fpr=estimated(tpr_at(0.05)),
        true_positive_rate=estimated(rate_at(threshold, 1)),
        false_positive_rate=estimated(rate_at(threshold, 0)),
        expected_calibration_error=estimated(calibration_error),
        roc=roc(whole, labels),
        reliability=reliability(whole, labels),
        domains=tuple(_domains(documents, whole, threshold)),
        generators=tuple(_generators(documents, whole, threshold)),
        lengths=tuple(
            Length(words=count, quality=quality(run(_cut(documents, count)), labels, threshold))
            for count in WORDS
        ),
        unchanged=quality(whole[: len(changed)], changed.labels, threshold),
        perturbations=tuple(
            Named(name=name, quality=quality(run(texts), changed.labels, threshold))
            for name, texts in _changed(changed)
        ),
    )


class _Run:
    """Probabilities of texts, as every runtime computes them, some texts at a time."""

    def __init__(self, artifact: Artifact, tell: Told) -> None:
        artifact.verify()
        self._preparation = TextPreparation.of_artifact(artifact)
        self._graph = GraphRun(artifact.path(artifact.manifest.model.path))
        self._tell = tell

    def __call__(self, texts: Sequence[str]) -> Float64s:
        prepared = [self._preparation.prepare(text) for text in texts]
        order = sorted(
            range(len(prepared)), key=lambda at: len(prepared[at].ids or prepared[at].normalized)
        )
        found = np.empty(len(texts))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = [prepared[row] for row in rows]
            found[rows] = self._preparation.probabilities(self._graph, batch, BATCH)
            self._tell(len(rows))
        return found


def _domains(documents: Documents, whole: Float64s, threshold: float) -> Iterator[Named]:
    for name in np.unique(documents.domains):
        rows = documents.domains == name
        if name != UNKNOWN:
            found = quality(whole[rows], documents.labels[rows], threshold)
            yield Named(name=str(name), quality=found)


def _generators(documents: Documents, whole: Float64s, threshold: float) -> Iterator[Named]:
    human = documents.labels == 0
    for name in np.unique(documents.generators[~human]):
        rows = human | (documents.generators == name)
        if name != UNKNOWN:
            found = quality(whole[rows], documents.labels[rows], threshold)
            yield Named(name=str(name), quality=found)


def _cut(documents: Documents, count: int) -> list[str]:
    return [first_words(text, count) for text in documents.texts]


def _changed(documents: Documents) -> Iterator[tuple[str, list[str]]]:
    for name, change in PERTURBATIONS.items():
        generator = np.random.default_rng(0)
        yield name, [change(text, generator) for text in documents.texts]
