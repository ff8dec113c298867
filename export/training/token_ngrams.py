"""Trains the tables of `export.ensemble.token_ngrams`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags, hstack
from sklearn.linear_model import LogisticRegression

from export.ensemble.token_ngrams import BUCKETS, ORDERS, ngram_places
from export.sklearn_text.hashed_ngrams import quantized

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]

REGULARISATION = 30.0
# n-grams of all orders together are about as long as a row of TF-IDF, which has length 1.
SCALE = 1 / 6


def ngram_counts(texts: Sequence[Sequence[int]]) -> csr_matrix:
    """Counts of each text's n-grams over the root of their number, float32[N, ORDERS * BUCKETS]."""
    orders = []
    for order in range(1, ORDERS + 1):
        places = [ngram_places(np.array(ids, dtype=np.int64), order) for ids in texts]
        sizes = np.array([len(found) for found in places])
        values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        rows = csr_matrix((values, np.concatenate(places), starts), shape=(len(texts), BUCKETS))
        rows.sum_duplicates()
        orders.append(rows)
    return hstack(orders).tocsr()


@dataclass(frozen=True)
class NgramWeights:
    """What is shipped, and so what is measured: table int8[ORDERS, BUCKETS], scale, and a bias."""

    table: npt.NDArray[np.int8]
    scale: Float32s
    bias: float

    @classmethod
    def of(cls, weights: Float64s, bias: float) -> Self:
        """Rounded from float64[ORDERS * BUCKETS]."""
        tables = [quantized(table) for table in weights.reshape(ORDERS, BUCKETS)]
        scale = np.array([scale for _, scale in tables], dtype=np.float32)
        return cls(np.stack([table for table, _ in tables]), scale, bias)

    def logits(self, counts: csr_matrix) -> Float64s:
        """Of counts as `ngram_counts` gives them, float64[N]."""
        weights = (self.table * self.scale[:, None]).ravel()
        found: Float64s = np.asarray(counts @ weights, dtype=np.float64) + self.bias
        return found


def fit_ngrams(counts: csr_matrix, labels: Int64s, sample_weight: Float64s) -> NgramWeights:
    """Logistic regression on counts weighed by how rare each n-gram is."""
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    rarity = (np.log((1 + len(labels)) / (1 + seen)) + 1) * SCALE
    # Their weight is 0 anyway, and what is not a column costs nothing.
    columns = np.flatnonzero(seen >= 2)
    model = LogisticRegression(
        C=REGULARISATION, solver="liblinear", dual=True, max_iter=60, tol=1e-2, random_state=0
    )
    model.fit(counts[:, columns] @ diags(rarity[columns]), labels, sample_weight=sample_weight)
    weights = np.zeros(counts.shape[1])
    weights[columns] = model.coef_[0] * rarity[columns]
    return NgramWeights.of(weights, float(model.intercept_[0]))
