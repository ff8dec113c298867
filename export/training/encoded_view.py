"""Documents as windows of token ids, and features of windows as features of documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags

from export.inference import TextPreparation
from export.training.token_ngrams import ngram_counts
from registry.windows import Encoding


@dataclass(frozen=True)
class EncodedView:
    """All documents' windows, and for each document what each of its windows weighs."""

    windows: tuple[Encoding, ...]
    shares: csr_matrix

    @classmethod
    def of(cls, preparation: TextPreparation, texts: Sequence[str]) -> Self:
        """Normalise, tokenise, cut, as a runtime does."""
        cut = [preparation.prepare(text).windows for text in texts]
        windows = tuple(window for text in cut for window in text)
        starts = np.concatenate([[0], np.cumsum([len(text) for text in cut])])
        contents = np.array([max(window.content, 1) for window in windows], dtype=np.float32)
        weights = csr_matrix(
            (contents, np.arange(len(windows)), starts), shape=(len(texts), len(windows))
        )
        totals = np.asarray(weights.sum(axis=1)).ravel()
        return cls(windows, (diags(1 / totals) @ weights).tocsr().astype(np.float32))

    def means(self, features: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
        """Of features of windows, float32[documents, width].

        A linear map of them is the mean of the windows' logits, which is what pooling gives.
        """
        return np.asarray(self.shares @ features.astype(np.float32), dtype=np.float32)

    def ngrams(self, special_before: int, special_after: int) -> csr_matrix:
        """Counts of n-grams, float32[documents, ORDERS * BUCKETS]."""
        contents = [
            window.ids[special_before : len(window.ids) - special_after] for window in self.windows
        ]
        return (self.shares @ ngram_counts(contents)).tocsr()
