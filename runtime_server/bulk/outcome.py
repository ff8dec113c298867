"""What became of a row."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from runtime_server.engine import Score
from runtime_server.errors import EngineError, ServerError


@dataclass(frozen=True, slots=True)
class Outcome:
    """A probability, and how the text was read; or else `error`, why there is none."""

    probability: float | None = None
    windows: int | None = None
    truncated: bool | None = None
    error: str | None = None

    @classmethod
    def scored(cls, score: Score) -> Self:
        """Of a text that the graph has judged."""
        return cls(score.probability, score.windows, score.truncated)

    @classmethod
    def refused(cls, error: ServerError | EngineError) -> Self:
        """Of a text that is not taken, as in `text_too_short: the text has 0 characters, …`."""
        code = error.code if isinstance(error, ServerError) else error.reason
        return cls(error=f"{code}: {error.detail}")


def written(outcomes: Iterable[Outcome]) -> bytes:
    """A line of JSON for each."""
    rows = ((one.probability, one.windows, one.truncated, one.error) for one in outcomes)
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def read(content: bytes) -> Iterator[Outcome]:
    """What was written. Raises ValueError."""
    return (Outcome(*json.loads(line)) for line in content.splitlines())
