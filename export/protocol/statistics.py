"""Figures of probabilities and labels, and how far chance could have moved them."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score, roc_curve

from export.protocol.measured import DECIMALS, Bin, Estimate, Point, Quality
from export.training.metrics import expected_calibration_error

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Figure = Callable[[Floats, Labels], float]
RESAMPLES = 1000
BINS = 15
ROC_POINTS = 60


def estimate(
    figure: Figure, probabilities: Floats, labels: Labels, groups: npt.NDArray[np.str_]
) -> Estimate:
    """The figure, and its 95% interval: a bootstrap of groups.

    Documents of one group are alike, so that groups are drawn, not documents (Efron and Tibshirani,
    "An introduction to the bootstrap", 1993, chapters 8 and 13).
    """
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn = []
    for _ in range(RESAMPLES):
        chosen = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[place] for place in chosen])
        # Without both labels a resample has no figure.
        if 0 < labels[rows].sum() < len(rows):
            drawn.append(figure(probabilities[rows], labels[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(
        value=_rounded(figure(probabilities, labels)), low=_rounded(low), high=_rounded(high)
    )


def auroc(probabilities: Floats, labels: Labels) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(labels, probabilities))


def tpr_at(fpr: float) -> Figure:
    """The share of AI texts found where at most this share of human texts is flagged."""

    def found(probabilities: Floats, labels: Labels) -> float:
        flagged, right, _ = roc_curve(labels, probabilities)
        return float(right[flagged <= fpr].max())

    return found


def rate_at(threshold: float, label: int) -> Figure:
    """The share of the texts with this label that are flagged."""

    def rate(probabilities: Floats, labels: Labels) -> float:
        return float((probabilities[labels == label] >= threshold).mean())

    return rate


def calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Expected calibration error."""
    return expected_calibration_error(probabilities, labels, BINS)


def quality(probabilities: Floats, labels: Labels, threshold: float) -> Quality:
    """As far as there are texts of both labels."""
    human, ai = labels == 0, labels == 1
    return Quality(
        n=len(labels),
        auroc=_rounded(auroc(probabilities, labels)) if human.any() and ai.any() else None,
        true_positive_rate=_rounded((probabilities[ai] >= threshold).mean()) if ai.any() else None,
        false_positive_rate=(
            _rounded((probabilities[human] >= threshold).mean()) if human.any() else None
        ),
    )


def roc(probabilities: Floats, labels: Labels) -> tuple[Point, ...]:
    """The curve, at no more places than a plot can show."""
    flagged, right, _ = roc_curve(labels, probabilities)
    places = np.unique(np.linspace(0, len(flagged) - 1, ROC_POINTS).round().astype(int))
    return tuple(
        Point(false_positive_rate=_rounded(x), true_positive_rate=_rounded(y))
        for x, y in zip(flagged[places], right[places], strict=True)
    )


def reliability(probabilities: Floats, labels: Labels) -> tuple[Bin, ...]:
    """Of the bins that have documents."""
    which = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            n=int((which == place).sum()),
            probability=_rounded(probabilities[which == place].mean()),
            ai_share=_rounded(labels[which == place].mean()),
        )
        for place in np.unique(which)
    )


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
