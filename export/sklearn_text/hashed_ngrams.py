"""A scikit-learn step that turns norm-1 text into sums of a learned table of hashed n-grams.

A unit is a character (of the text between two spaces) or a word. Each unit is hashed once, by
MurmurHash3_x86_32 of its UTF-8 bytes with seed 0; an n-gram's row is a multilinear hash of its
units' hashes (Carter and Wegman, "Universal classes of hash functions", 1979). So neither an
n-gram's string nor a vocabulary exists anywhere, and an ONNX graph computes the same rows with
integer arithmetic (export/sklearn_text/hashed_ngrams_converter.py).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import murmurhash3_32
from sklearn.utils.validation import check_is_fitted

Analyzer = Literal["word", "char"]
Split = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]

# Odd and below 2^28: up to seven products with a 32-bit hash add up to less than 2^63.
UNIT_MULTIPLIERS = (0x9E3779B, 0x85EBCA7, 0xC2B2AE3, 0x27D4EB3, 0x165667B, 0xD6E8FEB, 0xA5CB925)
ORDER_SALT = 0x1B873593
MAX_ORDER = len(UNIT_MULTIPLIERS)
# Words are runs of letters and digits; any other character is a word of its own. Ranges, not
# properties such as \w: regular expression engines disagree about Unicode properties.
WORD_CHARACTERS: tuple[tuple[int, int], ...] = (
    (0x30, 0x39),
    (0x41, 0x5A),
    (0x5F, 0x5F),
    (0x61, 0x7A),
    (0xAA, 0x1FFF),
    (0x2C00, 0xD7FF),
    (0xE000, 0xFFFD),
    (0x10000, 0x10FFFF),
)
QUANTIZED_MAX = 127


def word_class(escape: str) -> str:
    """The inside of a character class of WORD_CHARACTERS; `escape` formats one code point."""
    return "".join(f"{escape % first}-{escape % last}" for first, last in WORD_CHARACTERS)


def word_pattern(escape: str) -> str:
    """The regular expression of one word, in the dialect that `escape` belongs to."""
    return f"[{word_class(escape)}]+|[^ {word_class(escape)}]"


_WORDS = re.compile(word_pattern(r"\U%08x"))


@lru_cache(maxsize=1 << 16)
def _unit_hash(unit: str) -> int:
    return int(murmurhash3_32(unit.encode(), seed=0, positive=True))


def unit_hashes(text: str, analyzer: Analyzer) -> Int64s:
    """One hash per unit of a norm-1 text, int64[units], each in [0, 2^32)."""
    units: Iterable[str] = f" {text} " if analyzer == "char" else _WORDS.findall(text)
    return np.fromiter(map(_unit_hash, units), dtype=np.int64)


def ngram_rows(hashes: Int64s, order: int, n_buckets: int) -> Int64s:
    """The table row of each n-gram of `order` units, int64[max(units - order + 1, 0)].

    An n-gram whose last unit hashes to 0 has no row: in the graph, 0 marks the end of a text.
    """
    count = max(len(hashes) - order + 1, 0)
    mixed = np.full(count, order * ORDER_SALT, dtype=np.int64)
    for position in range(order):
        mixed += hashes[position : position + count] * UNIT_MULTIPLIERS[position]
    rows: Int64s = (mixed % n_buckets)[hashes[order - 1 :] != 0]
    return rows


@dataclass(frozen=True)
class _Rows:
    """Rows of many texts end to end: `starts[i]` to `starts[i + 1]` belong to text i."""

    rows: Int64s
    starts: Int64s

    def counts(self, n_buckets: int) -> sp.csr_matrix:
        """How often each text has each row, float32[texts, n_buckets]."""
        ones = np.ones(len(self.rows), dtype=np.float32)
        shape = (len(self.starts) - 1, n_buckets)
        matrix = sp.csr_matrix((ones, self.rows, self.starts), shape=shape)
        matrix.sum_duplicates()
        return matrix

    def sums(self, table: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        """The sum of each text's table rows, int32[texts]."""
        total = np.concatenate(([0], np.cumsum(table[self.rows], dtype=np.int64)))
        return (total[self.starts[1:]] - total[self.starts[:-1]]).astype(np.int32)


class HashedNgramEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Supervised encoder: norm-1 texts to one evidence value per n-gram order.

    `fit` learns one weight per table row by L2-regularised logistic regression on inverse document
    frequency features, and rounds the weights to int8. `transform` gives float32[N, orders]: for
    each order the scaled int32 sum of the rows of the text's n-grams, divided by
    max(sqrt(units), units / sqrt(saturation)): evidence grows with the length of the text until
    `saturation` units and then averages.
    Like sklearn's TargetEncoder, `fit_transform` is cross-fitted, so that what follows in a
    Pipeline is not trained on values that have seen their own labels.

    Args:
        analyzer: "word" or "char".
        ngram_range: lowest and highest order, between 1 and 7.
        n_buckets: rows of the table, one byte each.
        saturation: units beyond which a longer text is no more certain.
        regularisation: C of the logistic regression.
        cv: folds of `fit_transform`, or the (train, test) splits themselves.
        teacher: P(1) of some texts, by another model, which the table learns in place of their
            labels (Hinton et al., "Distilling the knowledge in a neural network", 2015).
    """

    def __init__(
        self,
        analyzer: Analyzer = "word",
        ngram_range: tuple[int, int] = (1, 2),
        n_buckets: int = 1 << 19,
        saturation: int = 400,
        regularisation: float = 10.0,
        cv: int | Sequence[Split] = 3,
        teacher: Mapping[str, float] | None = None,
    ) -> None:
        self.analyzer = analyzer
        self.ngram_range = ngram_range
        self.n_buckets = n_buckets
        self.saturation = saturation
        self.regularisation = regularisation
        self.cv = cv
        self.teacher = teacher

    @property
    def orders(self) -> range:
        """The n-gram orders, lowest first. Raises ValueError for a range that cannot be hashed."""
        low, high = self.ngram_range
        if not 1 <= low <= high <= MAX_ORDER:
            raise ValueError(f"ngram_range {self.ngram_range} is not within 1 to {MAX_ORDER}")
        return range(low, high + 1)

    def fit(self, texts: Sequence[str], labels: Sequence[int]) -> Self:
        """Learn the table from norm-1 texts and their labels (0 or 1)."""
        features = self._counts(self._hashes(texts))
        self.table_, self.scale_ = self._learn(features, self._targets(texts, labels))
        return self

    def fit_transform(self, texts: Sequence[str], labels: Sequence[int]) -> Float32s:
        """Fit on all texts; encode each by a table that has not seen it."""
        hashes, targets = self._hashes(texts), self._targets(texts, labels)
        features = self._counts(hashes)
        encoded = np.zeros((len(targets), len(self.orders)), dtype=np.float32)
        for train, test in self._splits(np.asarray(labels)):
            self.table_, self.scale_ = self._learn(features[train], targets[train])
            encoded[test] = self._encode([hashes[i] for i in test])
        self.table_, self.scale_ = self._learn(features, targets)
        return encoded

    def transform(self, texts: Sequence[str]) -> Float32s:
        """Encode norm-1 texts, float32[N, orders]."""
        check_is_fitted(self, "table_")
        return self._encode(self._hashes(texts))

    def _hashes(self, texts: Sequence[str]) -> list[Int64s]:
        return [unit_hashes(str(text), self.analyzer) for text in texts]

    def _rows(self, hashes: Sequence[Int64s], order: int) -> _Rows:
        rows = [ngram_rows(h, order, self.n_buckets) for h in hashes]
        starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return _Rows(np.concatenate(rows) if rows else np.empty(0, np.int64), starts)

    def _counts(self, hashes: Sequence[Int64s]) -> sp.csr_matrix:
        parts = (self._rows(hashes, order).counts(self.n_buckets) for order in self.orders)
        total = next(parts)
        for part in parts:
            total = total + part
        return sp.diags(1 / self._divisors(hashes)) @ total

    def _targets(self, texts: Sequence[str], labels: Sequence[int]) -> npt.NDArray[np.float64]:
        known = self.teacher or {}
        pairs = zip(texts, labels, strict=True)
        return np.array([known.get(str(text), float(label)) for text, label in pairs])

    def _learn(
        self, features: sp.csr_matrix, targets: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int8], np.float32]:
        documents = np.bincount(features.indices, minlength=self.n_buckets)
        rarity = np.log((1 + features.shape[0]) / (1 + documents)) + 1
        model = LogisticRegression(
            C=self.regularisation, solver="liblinear", tol=1e-2, random_state=0
        )
        rare = features @ sp.diags(rarity)
        # A text with P(1) = 0.8 is a text of class 1 with weight 0.8, and one of class 0 with 0.2.
        ones, zeros = np.flatnonzero(targets > 0), np.flatnonzero(targets < 1)
        model.fit(
            sp.vstack([rare[ones], rare[zeros]]),
            np.repeat([1, 0], [len(ones), len(zeros)]),
            sample_weight=np.concatenate([targets[ones], 1 - targets[zeros]]),
        )
        return quantized(rarity * model.coef_[0])

    def _divisors(self, hashes: Sequence[Int64s]) -> Float32s:
        units = np.maximum([np.count_nonzero(h) for h in hashes], 1).astype(np.float32)
        saturated = units / np.sqrt(np.float32(self.saturation))
        divisors: Float32s = np.maximum(np.sqrt(units), saturated).astype(np.float32)
        return divisors

    def _encode(self, hashes: Sequence[Int64s]) -> Float32s:
        divisors = self._divisors(hashes)
        sums = (self._rows(hashes, order).sums(self.table_) for order in self.orders)
        return np.stack([s.astype(np.float32) * self.scale_ / divisors for s in sums], axis=1)

    def _splits(self, labels: Int64s) -> Sequence[Split]:
        if not isinstance(self.cv, int):
            return self.cv
        folds = StratifiedKFold(self.cv, shuffle=True, random_state=0)
        return list(folds.split(np.zeros(len(labels)), labels))

    def __sklearn_tags__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
        """Texts, not numbers; labels are needed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags


def quantized(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], np.float32]:
    """int8 rows and their scale; the 0.01% largest weights are clipped, which sharpens the rest."""
    largest = np.quantile(np.abs(weights[weights != 0]), 0.9999) if weights.any() else 1.0
    scale = np.float32(largest / QUANTIZED_MAX)
    rounded = np.clip(np.round(weights / scale), -QUANTIZED_MAX, QUANTIZED_MAX)
    return rounded.astype(np.int8), scale
