"""Corpora of comma-separated values (RFC 4180) with a header. Every value is a string."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from runtime_server.bulk.corpus import Chunk, Row, RowChunk, Survey, limited, row_chunks
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.text_lines import numbered_lines
from runtime_server.requests import well_formed

# The most that the module csv takes; its own limit, of 131,072 characters, is a book's chapter.
_LONGEST_VALUE: Final = 2**31 - 1


@dataclass(frozen=True)
class CsvCorpus:
    """A .csv file. Values may hold commas, quotes and line breaks; empty lines are passed over."""

    path: Path
    limit: int | None = None

    def survey(self, text_column: str) -> Survey:
        """Reads every row. Raises BulkError: one has too few or too many values, or bad quotes."""
        table = _Table(self.path)
        if text_column not in table.header:
            there = ", ".join(table.header)
            raise BulkError(f"{self.path} has no column {text_column!r}; there are: {there}")
        return Survey(sum(1 for _ in limited(table.rows(), self.limit)), table.header)

    def texts(self, column: str) -> Iterator[object]:
        """Raises BulkError."""
        return (row[column] for row in self._rows())

    def chunks(self) -> Iterator[RowChunk]:
        """Raises BulkError."""
        return row_chunks(self._rows())

    def _rows(self) -> Iterator[Row]:
        return limited(_Table(self.path).rows(), self.limit)


class _Table:
    def __init__(self, path: Path) -> None:
        csv.field_size_limit(_LONGEST_VALUE)
        self._path = path
        self._line = 0
        self._values = csv.reader(self._lines(), strict=True)
        self.header = self._header()

    def rows(self) -> Iterator[Row]:
        for values in self._not_empty():
            if len(values) != len(self.header):
                raise BulkError(
                    f"{self._path}, line {self._line}: {len(values)} values for "
                    f"{len(self.header)} columns; a value that holds a comma or a line break "
                    "stands in quotes"
                )
            yield dict(zip(self.header, values, strict=True))

    def _header(self) -> tuple[str, ...]:
        names = next(self._not_empty(), None)
        if names is None:
            raise BulkError(f"{self._path} is empty: the names of its columns are missing")
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise BulkError(f"{self._path} has two columns of the name {twice[0]!r}")
        return tuple(names)

    def _not_empty(self) -> Iterator[list[str]]:
        try:
            yield from filter(None, self._values)
        except csv.Error as exc:
            raise BulkError(f"{self._path}, line {self._line}: not CSV: {exc}") from None

    def _lines(self) -> Iterator[str]:
        for number, line in numbered_lines(self._path):
            self._line = number
            yield line


class CsvWriter:
    """Writes a header and a line per row; a value that a row lacks is empty."""

    def __init__(self, file: IO[str], columns: Sequence[str], added: Sequence[str]) -> None:
        self._columns = columns
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow((*columns, *added))

    def write(self, chunk: Chunk, added: Mapping[str, Sequence[object]]) -> None:
        """The corpus's columns, then the added ones. Raises OSError."""
        for row, values in zip(chunk.rows, zip(*added.values(), strict=True), strict=True):
            own = (_cell(row.get(name)) for name in self._columns)
            self._rows.writerow((*own, *map(_cell, values)))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return well_formed(value)
    return json.dumps(value, ensure_ascii=False)
