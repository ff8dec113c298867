"""Linear models over what is known of every document, and how several of them become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge

from export.training.dataset import Dataset
from export.training.held_out import Rows, group_splits
from export.training.token_ngrams import NgramWeights, fit_ngrams

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
FOLDS = 3
# A changed copy weighs less than its document: what copies teach of errors of the keyboard, they
# take from what whole texts teach of style.
COPY = 0.25


class Scorer(Protocol):
    """A fitted model of one kind of evidence."""

    def logits(self, rows: Rows, view: int = 0) -> Float64s:
        """Of these documents as this view shows them, float64[rows]."""
        ...


class Evidence(Protocol):
    """One kind of evidence about all documents, in one or more views of them.

    The first view is the document as it is; a fit also reads the next `trained` - 1, in which it is
    changed; all others only serve to measure.
    """

    def fit(self, dataset: Dataset, rows: Rows) -> Scorer:
        """A model of these documents."""
        ...


@dataclass(frozen=True)
class LinearMap:
    """mean, weight float64[width], bias: (features - mean) @ weight + bias."""

    mean: Float64s
    weight: Float64s
    bias: float


@dataclass(frozen=True)
class DenseScorer:
    """A linear map over dense features."""

    views: Sequence[Float32s]
    map: LinearMap

    def logits(self, rows: Rows, view: int = 0) -> Float64s:
        """float64[rows]."""
        centred = self.views[view][rows] - self.map.mean
        found: Float64s = centred @ self.map.weight + self.map.bias
        return found


@dataclass(frozen=True)
class Dense:
    """Features float32[documents, width] of each view, NaN for what a view lacks; ridge regression.

    Labels are -1 and 1. Its normal equations have one solution, found in seconds where a logistic
    regression takes minutes, and it ranks documents of unseen domains as well.
    """

    views: Sequence[Float32s]
    regularisation: float
    trained: int = 1

    @property
    def width(self) -> int:
        """How many features there are."""
        return int(self.views[0].shape[1])

    def fit(self, dataset: Dataset, rows: Rows) -> DenseScorer:
        """On standardised features."""
        features = np.concatenate([view[rows] for view in self.views[: self.trained]])
        labels = np.tile(2.0 * dataset.labels[rows] - 1, self.trained)
        weights = _with_copies(balanced(dataset, rows), self.trained)
        known = np.isfinite(features[:, 0])
        features, labels, weights = features[known], labels[known], weights[known]
        mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
        standard = (features - mean) / deviation
        model = Ridge(alpha=self.regularisation, solver="cholesky")
        model.fit(standard, labels, sample_weight=weights.astype(np.float32))
        weight = model.coef_.astype(np.float64) / deviation
        return DenseScorer(
            self.views, LinearMap(mean.astype(np.float64), weight, float(model.intercept_))
        )


@dataclass(frozen=True)
class NgramScorer:
    """Weights of n-grams."""

    views: Sequence[csr_matrix]
    ngrams: NgramWeights

    def logits(self, rows: Rows, view: int = 0) -> Float64s:
        """float64[rows]."""
        return self.ngrams.logits(self.views[view][rows])


@dataclass(frozen=True)
class Ngrams:
    """Counts of token n-grams of each view, as `ngram_counts` gives them."""

    views: Sequence[csr_matrix]
    trained: int = 1

    def fit(self, dataset: Dataset, rows: Rows) -> NgramScorer:
        """A logistic regression."""
        counts = vstack([view[rows] for view in self.views[: self.trained]]).tocsr()
        labels = np.tile(dataset.labels[rows], self.trained)
        weights = _with_copies(balanced(dataset, rows), self.trained)
        return NgramScorer(self.views, fit_ngrams(counts, labels, weights))


@dataclass(frozen=True)
class Stack:
    """Scorers of all kinds of evidence, and what each one's logit weighs.

    The weights were found on logits of documents that the scorers had not seen (Wolpert, "Stacked
    generalization", 1992), and their sum calibrated on the same (Platt, 1999).
    """

    scorers: Sequence[Scorer]
    weights: Float64s
    bias: float
    unseen: Float64s
    """Logits of the documents that it was fitted on, each by scorers that had not seen it."""

    def logits(self, rows: Rows, view: int = 0) -> Float64s:
        """float64[rows]."""
        each = np.stack([scorer.logits(rows, view) for scorer in self.scorers], axis=1)
        found: Float64s = each @ self.weights + self.bias
        return found

    def probabilities(self, rows: Rows, view: int = 0) -> Float64s:
        """P(AI), float64[rows]."""
        found: Float64s = expit(self.logits(rows, view))
        return found


def fit_stack(kinds: Sequence[Evidence], dataset: Dataset, rows: Rows) -> Stack:
    """All kinds of evidence on these documents."""
    unseen = np.empty((len(rows), len(kinds)))
    for train, test in group_splits(dataset, rows, FOLDS, seed=1):
        for place, kind in enumerate(kinds):
            unseen[test, place] = kind.fit(dataset, rows[train]).logits(rows[test])
    weights = _stacked(unseen, dataset.labels[rows], balanced(dataset, rows))
    platt = LogisticRegression(C=1e6).fit((unseen @ weights)[:, None], dataset.labels[rows])
    scorers = [kind.fit(dataset, rows) for kind in kinds]
    weights, bias = weights * float(platt.coef_[0, 0]), float(platt.intercept_[0])
    return Stack(scorers, weights, bias, unseen @ weights + bias)


def _stacked(unseen: Float64s, labels: Rows, weights: Float64s) -> Float64s:
    scale = unseen.std(axis=0)
    model = LogisticRegression(C=1.0).fit(unseen / scale, labels, sample_weight=weights)
    found: Float64s = model.coef_[0] / scale
    return found


def _with_copies(weights: Float64s, trained: int) -> Float64s:
    return np.concatenate([weights, *[COPY * weights] * (trained - 1)])


def balanced(dataset: Dataset, rows: Rows) -> Float64s:
    """Weights float64[rows], of mean 1, between equal documents and equal domains and labels."""
    _, place, counts = np.unique(dataset.strata[rows], return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(counts[place])
    result: Float64s = weights / weights.mean()
    return result
