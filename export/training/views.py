"""Documents as training and measuring see them: whole, changed, and their first words only."""

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from export.training.perturbations import changed_copy

WORDS = (10, 25, 50, 100)
WHOLE = "whole documents"
CHANGED = "changed copies"
# Whole documents and changed copies are trained on.
TRAINED = 2
_WORD = re.compile(r"\S+")


def views(texts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Names and texts: WHOLE, CHANGED, and the first so many WORDS."""
    yield WHOLE, list(texts)
    yield CHANGED, [changed_copy(text, _generator(text)) for text in texts]
    for count in WORDS:
        yield f"first {count} words", [first_words(text, count) for text in texts]


def _generator(text: str) -> np.random.Generator:
    # Of the text alone: the same copy whichever other documents are read.
    return np.random.default_rng(zlib.crc32(text.encode()))


def first_words(text: str, count: int) -> str:
    """The text up to the end of this word; the whole where it has no more."""
    words = list(_WORD.finditer(text))
    return text if len(words) <= count else text[: words[count - 1].end()]
