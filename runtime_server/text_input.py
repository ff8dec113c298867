"""Graphs that read text: a text is one row, a string."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from registry.manifest import InputSpec
from registry.normal_forms import NORMALIZERS
from runtime_server.engine import Score
from runtime_server.graph_input import Feed
from runtime_server.micro_batches import micro_batches


@dataclass(frozen=True)
class TextRows:
    """Normal forms. They are not padded, so a micro-batch is limited by its rows alone."""

    forms: tuple[str, ...]

    def micro_batches(self) -> Iterator[tuple[int, ...]]:
        """Short texts first."""
        return micro_batches([len(form) for form in self.forms])

    def feed(self, places: Sequence[int]) -> Feed:
        """`text: string[N]`."""
        return {"text": np.array([self.forms[place] for place in places], dtype=np.object_)}

    def scores(self, probabilities: Sequence[float]) -> tuple[Score, ...]:
        """A row's probability is its text's."""
        return tuple(Score(p, tokens=None, windows=1, truncated=False) for p in probabilities)


@dataclass(frozen=True)
class TextInput:
    """A GraphInput for artifacts of kind text."""

    normalize: Callable[[str], str]

    @classmethod
    def of(cls, spec: InputSpec) -> Self:
        """As the manifest says."""
        return cls(NORMALIZERS[spec.normalizer])

    def rows(self, texts: Sequence[str]) -> TextRows:
        """One row per text."""
        return TextRows(tuple(map(self.normalize, texts)))
