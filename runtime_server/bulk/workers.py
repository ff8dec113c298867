"""What scores parts; `--engine` names one."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

from registry import Artifact
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.part import Part
from runtime_server.bulk.scorer import Read, Room, Scorer, Told


class ScoredPart(NamedTuple):
    """A part, and an outcome for each of its rows."""

    part: Part
    outcomes: Sequence[Outcome]


class Workers(Protocol):
    """Threads, or machines."""

    def scored(self, parts: Iterable[Part], told: Told) -> Iterator[ScoredPart]:
        """Each part once, in any order; parts are read no further ahead than is worked on.

        Raises:
            BulkError, EngineError: no part can be scored.
        """
        ...


@dataclass(frozen=True)
class LocalWorkers:
    """Threads of this process. The next part is read while one runs."""

    scorer: Scorer

    @classmethod
    @contextmanager
    def started(cls, artifact: Artifact, room: Room, n_threads: int) -> Iterator[Self]:
        """Raises EngineError."""
        with Scorer.loaded(artifact, room, n_threads) as scorer:
            yield cls(scorer)

    def scored(self, parts: Iterable[Part], told: Told) -> Iterator[ScoredPart]:
        """In order."""
        waiting = iter(parts)
        with ThreadPoolExecutor(1, thread_name_prefix="bulk-reader") as reader:
            ahead = reader.submit(self._next, waiting)
            while (pair := ahead.result()) is not None:
                ahead = reader.submit(self._next, waiting)
                part, read = pair
                yield ScoredPart(part, part.joined(self.scorer.outcomes(read, told)))

    def _next(self, waiting: Iterator[Part]) -> tuple[Part, Read] | None:
        part = next(waiting, None)
        return None if part is None else (part, self.scorer.read(part.texts))
