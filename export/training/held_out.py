"""What is measured on documents whose groups were held out of training."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from export.evaluation import EVALUATION_FILE, Evaluation
from export.training.dataset import Dataset
from export.training.metrics import least_words, score, threshold_for_fpr, uncertain_from
from export.training.model_card import write_model_card
from registry.manifest import OperatingPoint

TARGET_FPR = 0.01
FURTHER_FPRS = (0.005, 0.02, 0.05)
# An AI text below what the answer calls uncertain is as rare as this.
MISSED = 0.05
# Of a text so short that this is not reached, the answer says that it is too short.
LEAST_AUROC = 0.85
Rows = npt.NDArray[np.int64]
Split = tuple[Rows, Rows]
Scores = npt.NDArray[np.float64]


def group_splits(dataset: Dataset, rows: Rows, folds: int, seed: int) -> list[Split]:
    """(train, test) positions within `rows`, no group on both sides."""
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = dataset.labels[rows], dataset.groups[rows]
    return list(splitter.split(np.zeros(len(rows)), labels, groups))


def validation_split(dataset: Dataset) -> Split:
    """(training, validation) rows, four to one by group: the same for every model."""
    return group_splits(dataset, np.arange(len(dataset)), folds=5, seed=0)[0]


def auroc_by_domain(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64]
) -> dict[str, float]:
    """AUROC within each domain."""
    by_domain = {str(name): dataset.domains[rows] == name for name in np.unique(dataset.domains)}
    return {
        name: float(roc_auc_score(dataset.labels[rows][here], scores[here]))
        for name, here in by_domain.items()
    }


def fpr_by_domain(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64], threshold: float
) -> dict[str, float]:
    """Share of each domain's human texts at or above the threshold."""
    human = dataset.labels[rows] == 0
    return {
        str(name): float((scores[human & (dataset.domains[rows] == name)] >= threshold).mean())
        for name in np.unique(dataset.domains[rows][human])
    }


def auroc_by_generator(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64]
) -> dict[str, float]:
    """AUROC of each generator's texts against all human texts."""
    labels, generators = dataset.labels[rows], dataset.generators[rows]
    found = np.unique(generators[labels == 1])
    against = {str(name): (labels == 0) | (generators == name) for name in found}
    return {
        name: float(roc_auc_score(labels[here], scores[here])) for name, here in against.items()
    }


def evaluate(
    dataset: Dataset,
    rows: Rows,
    scores: Scores,
    *,
    n_train: int | None = None,
    by_words: Mapping[str, float],
    unseen: Mapping[str, float],
    unseen_generators: Mapping[str, float],
) -> Evaluation:
    """Everything the model card and the manifest say, from the probabilities of held-out rows.

    All other rows were trained on, unless `n_train` says how many.
    """
    human = scores[dataset.labels[rows] == 0]
    threshold = threshold_for_fpr(human, TARGET_FPR)
    return Evaluation(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        n_train=len(dataset) - len(rows) if n_train is None else n_train,
        ai_share=float(dataset.labels.mean()),
        threshold=threshold,
        target_fpr=TARGET_FPR,
        calibration="platt",
        operating_points=tuple(
            OperatingPoint(max_false_positive_rate=rate, threshold=threshold_for_fpr(human, rate))
            for rate in FURTHER_FPRS
        ),
        uncertain_from=uncertain_from(scores[dataset.labels[rows] == 1], threshold, MISSED),
        min_words=least_words(by_words, LEAST_AUROC),
        **dataclasses.asdict(score(scores, dataset.labels[rows], threshold)),
        auroc_by_domain=auroc_by_domain(dataset, rows, scores),
        auroc_by_generator=auroc_by_generator(dataset, rows, scores),
        fpr_by_domain=fpr_by_domain(dataset, rows, scores, threshold),
        auroc_by_words=by_words,
        auroc_leave_one_domain_out=unseen,
        auroc_leave_one_generator_out=unseen_generators,
    ).rounded()


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """evaluation.json and MODEL_CARD.md."""
    (folder / EVALUATION_FILE).write_bytes(evaluation.to_bytes())
    write_model_card(evaluation, folder)
