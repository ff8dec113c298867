"""What scores parts; `--engine` names one."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

from registry import Artifact
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.part import Part
from runtime_server.bulk.scorer import Read, Room, Scorer, Told

T = TypeVar("T")


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
    """Threads of this process."""

    scorer: Scorer

    @classmethod
    @contextmanager
    def started(cls, artifact: Artifact, room: Room, n_threads: int) -> Iterator[Self]:
        """Raises EngineError."""
        with Scorer.loaded(artifact, room, n_threads) as scorer:
            yield cls(scorer)

    def scored(self, parts: Iterable[Part], told: Told) -> Iterator[ScoredPart]:
        """In order."""
        reads = map(self._read, parts)
        for part, read in _ahead(reads) if self.scorer.reads_aside else reads:
            yield ScoredPart(part, part.joined(self.scorer.outcomes(read, told)))

    def _read(self, part: Part) -> tuple[Part, Read]:
        return part, self.scorer.read(part.texts)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same, each made in another thread while the one before is in use."""
    with ThreadPoolExecutor(1, thread_name_prefix="bulk-reader") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item
