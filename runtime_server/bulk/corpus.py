"""A corpus as it is read: rows in an order, some columns, one of them the text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TypeVar

from runtime_server.bulk.portions import portions

T = TypeVar("T")
Row = Mapping[str, object]
# What is read, joined with its scores and written at a time.
CHUNK_ROWS: Final = 1000
CHUNK_CHARACTERS: Final = 8_000_000


class Chunk(Protocol):
    """Rows that follow one another."""

    @property
    def rows(self) -> Sequence[Row]:
        """As plain values: those of JSON, where the format is CSV strings only."""
        ...

    def __len__(self) -> int:
        """How many."""
        ...


@dataclass(frozen=True)
class RowChunk:
    """Rows of a format that has rows."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)


@dataclass(frozen=True)
class Survey:
    """What a corpus holds: found before anything is scored."""

    rows: int
    columns: tuple[str, ...]


class Corpus(Protocol):
    """A file of texts. It is read as a stream, however large, and as often as is asked for."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    def survey(self, text_column: str) -> Survey:
        """Raises BulkError: it cannot be read to its end, or the column cannot hold texts."""
        ...

    def texts(self, column: str) -> Iterator[object]:
        """What stands in that column of each row, text or not; None where nothing does."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """All rows."""
        ...


def row_chunks(rows: Iterator[Row]) -> Iterator[RowChunk]:
    """The rows, so many at a time that they fit into memory."""
    return map(RowChunk, portions(rows, CHUNK_ROWS, CHUNK_CHARACTERS, _characters))


def limited(rows: Iterator[T], limit: int | None) -> Iterator[T]:
    """The first `limit` of them; all where it is None."""
    return islice(rows, limit)


def _characters(row: Row) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, str))
