"""Scores of a detector on labelled texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score, roc_curve

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Of n texts: ranking (AUROC), operating points, and calibration (all in [0, 1])."""

    n: int
    auroc: float
    tpr_at_1pct_fpr: float
    fpr_at_threshold: float
    tpr_at_threshold: float
    expected_calibration_error: float


def score(probabilities: Floats, labels: Labels, threshold: float) -> Scores:
    """All scores at once; both labels must be present."""
    fpr, tpr, _ = roc_curve(labels, probabilities)
    flagged = probabilities >= threshold
    return Scores(
        n=len(labels),
        auroc=float(roc_auc_score(labels, probabilities)),
        tpr_at_1pct_fpr=float(tpr[fpr <= 0.01].max()),
        fpr_at_threshold=float(flagged[labels == 0].mean()),
        tpr_at_threshold=float(flagged[labels == 1].mean()),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
    )


def expected_calibration_error(probabilities: Floats, labels: Labels, bins: int = 15) -> float:
    """Mean |frequency - probability| over equally wide bins, weighted by their texts.

    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (2015).
    """
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    counts = np.bincount(which, minlength=bins)
    gap = np.bincount(which, weights=labels - probabilities, minlength=bins)
    return float(np.abs(gap).sum() / counts.sum())


def uncertain_from(ai_probabilities: Floats, threshold: float, missed: float) -> float:
    """The highest probability, up to the threshold, below which at most `missed` of these lie.

    From there to the threshold is where a text by an AI may well be, and one by a human, too.
    """
    return min(round(float(np.quantile(ai_probabilities, missed)), 4), threshold)


def least_words(auroc_by_words: Mapping[str, float], least_auroc: float) -> int | None:
    """The smallest measured length from which on every AUROC is good enough; None: none is."""
    lengths = sorted(auroc_by_words, key=int)
    bad = [place for place, words in enumerate(lengths) if auroc_by_words[words] < least_auroc]
    good = lengths[bad[-1] + 1 :] if bad else lengths
    return int(good[0]) if good else None


def threshold_for_fpr(human_probabilities: Floats, target_fpr: float) -> float:
    """The lowest threshold that flags at most `target_fpr` of these human texts.

    Rounded up to 4 decimals, so that a reader can copy it.
    """
    allowed = int(np.floor(target_fpr * len(human_probabilities)))
    first_unflagged = float(np.sort(human_probabilities)[::-1][allowed])
    return min(float(np.ceil(np.nextafter(first_unflagged, 1) * 1e4) / 1e4), 1.0)
