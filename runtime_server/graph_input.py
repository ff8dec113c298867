"""What stands between texts and a graph: one implementation per `input.kind` of a manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy.typing as npt

from runtime_server.engine import Score

# An output that graphs of language models have.
TOKEN_LOG_PROBABILITIES: Final = "token_log_probabilities"  # noqa: S105
# One array per input of the graph; all have the same first dimension.
Feed = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """What the graph gave for a row.

    `token_log_probabilities` are those of its ids from the second on, maybe with padding behind
    them; None where the row does not ask.
    """

    probability: float
    token_log_probabilities: Sequence[float] | None = None


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

    @property
    def token_level(self) -> bool:
        """Whether it asks for the log-probabilities of its tokens."""
        ...


class Rows(Protocol):
    """The texts of one request as rows of the graph."""

    @property
    def rows(self) -> Sequence[Row]:
        """Text after text."""
        ...

    def scores(self, answers: Sequence[RowAnswer]) -> tuple[Score, ...]:
        """One score per text, from one answer per row."""
        ...


class GraphInput(Protocol):
    """How the texts of one artifact become rows, and rows a feed."""

    def rows(self, texts: Sequence[str], token_level: bool = False) -> Rows:
        """Normalised, and cut where the graph wants that. Blocking. Raises EngineError.

        With `token_level` they ask for the log-probabilities of tokens, if the graph gives them.
        """
        ...

    def feed(self, rows: Sequence[Any]) -> Feed:
        """Rows of any requests for this artifact, in this order, as the graph takes them."""
        ...
