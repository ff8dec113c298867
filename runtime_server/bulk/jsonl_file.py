"""Corpora of JSON Lines: an object per line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from runtime_server.bulk.corpus import Chunk, Row, RowChunk, Survey, limited, row_chunks
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.text_lines import numbered_lines

# json.dumps would make one for each row.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True)
class JsonlCorpus:
    """A .jsonl file. Rows may have different keys; empty lines are passed over."""

    path: Path
    limit: int | None = None

    def survey(self, text_column: str) -> Survey:
        """Reads every line. Raises BulkError: one is no JSON object, or none has the column."""
        columns: dict[str, None] = {}
        n_rows = 0
        for row in self._rows():
            columns |= dict.fromkeys(row)
            n_rows += 1
        if n_rows and text_column not in columns:
            raise BulkError(
                f"{self.path}: no line has {text_column!r}; there are: {', '.join(columns)}"
            )
        return Survey(n_rows, tuple(columns))

    def texts(self, column: str) -> Iterator[object]:
        """Raises BulkError."""
        return (row.get(column) for row in self._rows())

    def chunks(self) -> Iterator[RowChunk]:
        """Raises BulkError."""
        return row_chunks(self._rows())

    def _rows(self) -> Iterator[Row]:
        return limited(self._every_row(), self.limit)

    def _every_row(self) -> Iterator[Row]:
        for number, line in numbered_lines(self.path):
            if not line.isspace():
                yield _parsed(line, f"{self.path}, line {number}")


@dataclass(frozen=True)
class JsonlWriter:
    """Writes a line per row."""

    file: IO[bytes]

    def write(self, chunk: Chunk, added: Mapping[str, Sequence[object]]) -> None:
        """The row's own keys, then the added ones. Raises OSError."""
        lines = (
            _line({**row, **dict(zip(added, values, strict=True))})
            for row, values in zip(chunk.rows, zip(*added.values(), strict=True), strict=True)
        )
        self.file.writelines(lines)


def _parsed(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as exc:
        raise BulkError(f"{where}: not JSON: {exc.msg} (column {exc.colno})") from None
    except (ValueError, RecursionError) as exc:
        raise BulkError(f"{where}: JSON that cannot be read: {exc}") from None
    if not isinstance(row, dict):
        raise BulkError(f"{where}: not an object, as in {{'text': '…'}}".replace("'", '"'))
    return row


def _line(row: Row) -> bytes:
    try:
        return _ENCODER.encode(row).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, which was written \udc00 there too
        return json.dumps(row).encode() + b"\n"
