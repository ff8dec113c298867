"""Which format a file has: its name says so."""

import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Protocol, Self, cast

from runtime_server.bulk.corpus import Chunk, Corpus, Survey
from runtime_server.bulk.csv_file import CsvCorpus, CsvWriter
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.jsonl_file import JsonlCorpus, JsonlWriter
from runtime_server.bulk.result_columns import Kind

Name = Literal["jsonl", "csv", "parquet"]
_SUFFIXES: Final[Mapping[str, tuple[Name, bool]]] = {
    ".jsonl": ("jsonl", False),
    ".jsonl.gz": ("jsonl", True),
    ".csv": ("csv", False),
    ".csv.gz": ("csv", True),
    ".parquet": ("parquet", False),
}


class Writer(Protocol):
    """Writes rows in their order."""

    def write(self, chunk: Chunk, added: Mapping[str, Sequence[object]]) -> None:
        """The rows with a value of each added column. Raises OSError."""
        ...


@dataclass(frozen=True)
class Format:
    """A format, and whether it is compressed as a whole."""

    name: Name
    gzipped: bool

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises BulkError."""
        for suffix, (name, gzipped) in _SUFFIXES.items():
            if path.name.lower().endswith(suffix):
                return cls(name, gzipped)
        raise BulkError(f"{path}: the name ends in none of {', '.join(_SUFFIXES)}")

    def corpus(self, path: Path, limit: int | None) -> Corpus:
        """The file's first `limit` rows, or all. Raises BulkError: an extra is missing."""
        if self.name == "jsonl":
            return JsonlCorpus(path, limit)
        if self.name == "csv":
            return CsvCorpus(path, limit)
        from runtime_server.bulk.parquet_file import ParquetCorpus

        return ParquetCorpus(path, limit)

    def sink(self, corpus: Corpus, survey: Survey, added: Mapping[str, Kind]) -> "Sink":
        """What takes such rows. Raises BulkError: the format cannot hold them."""
        if self.name != "parquet":
            return Sink(self, survey.columns, tuple(added))
        from runtime_server.bulk.parquet_file import output_schema

        schema = output_schema(corpus, survey, added)
        return Sink(self, survey.columns, tuple(added), schema)


@dataclass(frozen=True)
class Sink:
    """A file that will be written, once all is known that goes into it."""

    format: Format
    columns: Sequence[str]
    added: Sequence[str]
    schema: object = None

    @contextmanager
    def opened(self, path: Path) -> Iterator[Writer]:
        """Writes to `path`, whatever its suffix. Raises OSError."""
        if self.format.name == "parquet":
            with self._parquet(path) as parquet:
                yield parquet
            return
        with path.open("wb") as plain:
            # Without name and time: the same rows are the same bytes.
            packed = (
                gzip.GzipFile("", "wb", fileobj=plain, mtime=0) if self.format.gzipped else None
            )
            with packed or plain as file, self._writer(cast(IO[bytes], file)) as writer:
                yield writer

    @contextmanager
    def _writer(self, file: IO[bytes]) -> Iterator[Writer]:
        if self.format.name == "jsonl":
            yield JsonlWriter(file)
            return
        text = io.TextIOWrapper(file, "utf-8", newline="")
        try:
            yield CsvWriter(text, self.columns, self.added)
        finally:
            text.detach()

    @contextmanager
    def _parquet(self, path: Path) -> Iterator[Writer]:
        from runtime_server.bulk.parquet_file import ParquetWriter

        writer = ParquetWriter(path, self.schema)
        yield writer
        writer.close()
