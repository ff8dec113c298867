"""What stands between texts and a graph: one implementation per `input.kind` of a manifest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from runtime_server.engine import Score

# One array per input of the graph; all have the same first dimension.
Feed = Mapping[str, npt.NDArray[Any]]


class Rows(Protocol):
    """The texts of one request as rows of the graph, each in its place."""

    def micro_batches(self) -> Iterator[tuple[int, ...]]:
        """Places of the rows to run together; every place once."""
        ...

    def feed(self, places: Sequence[int]) -> Feed:
        """The rows at `places`, in that order, as the graph takes them."""
        ...

    def scores(self, probabilities: Sequence[float]) -> tuple[Score, ...]:
        """One score per text, from one probability per row."""
        ...


class GraphInput(Protocol):
    """How the texts of one artifact become rows."""

    def rows(self, texts: Sequence[str]) -> Rows:
        """Normalised, and cut where the graph wants that. Blocking. Raises EngineError."""
        ...
