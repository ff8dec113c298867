"""What stands between texts and a graph: one implementation per `input.kind` of a manifest."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from runtime_server.engine import Score

# One array per input of the graph; all have the same first dimension.
Feed = Mapping[str, npt.NDArray[Any]]


class Row(Protocol):
    """What a graph takes in one row: a text, or a window of tokens."""

    @property
    def tokens(self) -> int:
        """What it costs to run, at least 1."""
        ...

    @property
    def padded(self) -> int:
        """Its length where a batch is as wide as its longest row; 0 where nothing is padded."""
        ...


class Rows(Protocol):
    """The texts of one request as rows of the graph."""

    @property
    def rows(self) -> Sequence[Row]:
        """Text after text."""
        ...

    def scores(self, probabilities: Sequence[float]) -> tuple[Score, ...]:
        """One score per text, from one probability per row."""
        ...


class GraphInput(Protocol):
    """How the texts of one artifact become rows, and rows a feed."""

    def rows(self, texts: Sequence[str]) -> Rows:
        """Normalised, and cut where the graph wants that. Blocking. Raises EngineError."""
        ...

    def feed(self, rows: Sequence[Any]) -> Feed:
        """Rows of any requests for this artifact, in this order, as the graph takes them."""
        ...
