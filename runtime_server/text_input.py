"""Graphs that read text: a text is one row, a string."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from registry.manifest import InputSpec
from registry.normal_forms import NORMALIZERS
from runtime_server.engine import Score
from runtime_server.graph_input import Feed, RowAnswer

# About a word: such graphs work on words, and a queue must know what waits.
_CHARACTERS_PER_TOKEN = 5


@dataclass(frozen=True, slots=True)
class TextRow:
    """A normal form."""

    form: str

    @property
    def tokens(self) -> int:
        """About one per word."""
        return 1 + len(self.form) // _CHARACTERS_PER_TOKEN

    @property
    def padded(self) -> int:
        """0: strings are not padded."""
        return 0

    @property
    def token_level(self) -> bool:
        """False: the tokens are the graph's own."""
        return False


@dataclass(frozen=True)
class TextRows:
    """A row per text."""

    rows: tuple[TextRow, ...]

    def scores(self, answers: Sequence[RowAnswer]) -> tuple[Score, ...]:
        """A row's probability is its text's."""
        return tuple(
            Score(answer.probability, tokens=None, windows=1, truncated=False) for answer in answers
        )


@dataclass(frozen=True)
class TextInput:
    """A GraphInput for artifacts of kind text."""

    normalize: Callable[[str], str]

    @classmethod
    def of(cls, spec: InputSpec) -> Self:
        """As the manifest says."""
        return cls(NORMALIZERS[spec.normalizer])

    def rows(self, texts: Sequence[str], token_level: bool = False) -> TextRows:
        """One row per text."""
        return TextRows(tuple(TextRow(self.normalize(text)) for text in texts))

    def feed(self, rows: Sequence[TextRow]) -> Feed:
        """`text: string[N]`."""
        return {"text": np.array([row.form for row in rows], dtype=np.object_)}
