"""Corpora in Parquet: the only file with pyarrow."""

import base64
import datetime
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime_server.bulk.corpus import CHUNK_ROWS, Chunk, Corpus, Row, Survey
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.result_columns import Kind
from runtime_server.requests import well_formed

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ModuleNotFoundError as exc:
    raise BulkError.lacking("pyarrow", "bulk") from exc

# Of a row group that is written, before compression.
_GROUP_BYTES: Final = 64_000_000
_TYPES: Final[Mapping[Kind, Any]] = {
    "float": pa.float64(),
    "integer": pa.int32(),
    "truth": pa.bool_(),
    "string": pa.string(),
}


@dataclass(frozen=True)
class ArrowChunk:
    """Rows in columns, with their types."""

    batch: Any

    @property
    def rows(self) -> Sequence[Row]:
        """As JSON has them: times in ISO 8601, bytes in base64, no NaN."""
        return [{name: _plain(value) for name, value in row.items()} for row in self._python_rows()]

    def __len__(self) -> int:
        """How many."""
        return int(self.batch.num_rows)

    def _python_rows(self) -> Sequence[Mapping[str, object]]:
        columns = (_values(column) for column in self.batch.columns)
        names = self.batch.schema.names
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


@dataclass(frozen=True)
class ParquetCorpus:
    """A .parquet file. No more than a row group is in memory."""

    path: Path
    limit: int | None = None

    def survey(self, text_column: str) -> Survey:
        """Reads the file's footer. Raises BulkError."""
        with self._opened() as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
        names = tuple(schema.names)
        if text_column not in names:
            raise BulkError(
                f"{self.path} has no column {text_column!r}; there are: {', '.join(names)}"
            )
        if not _holds_text(schema.field(text_column).type):
            kind = schema.field(text_column).type
            raise BulkError(f"{self.path}: the column {text_column!r} holds {kind}, not text")
        return Survey(n_rows if self.limit is None else min(n_rows, self.limit), names)

    def texts(self, column: str) -> Iterator[object]:
        """Raises BulkError."""
        for batch in self._batches([column]):
            yield from _values(batch.column(0))

    def chunks(self) -> Iterator[ArrowChunk]:
        """Raises BulkError."""
        return map(ArrowChunk, self._batches(None))

    @property
    def schema(self) -> Any:  # noqa: ANN401  # pyarrow has no types
        """The file's own."""
        with self._opened() as file:
            return file.schema_arrow

    def _batches(self, columns: Sequence[str] | None) -> Iterator[Any]:
        left = math.inf if self.limit is None else self.limit
        with self._opened() as file:
            try:
                for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
                    if left <= 0:
                        return
                    yield batch.slice(0, min(len(batch), int(min(left, CHUNK_ROWS))))
                    left -= len(batch)
            except (pa.ArrowException, OSError) as exc:
                raise BulkError(f"{self.path} cannot be read: {exc}") from None

    def _opened(self) -> Any:  # noqa: ANN401
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as exc:
            raise BulkError(f"{self.path} is not Parquet, or not whole: {exc}") from None


class ParquetWriter:
    """Writes row groups; types are those of the corpus, where it has some."""

    def __init__(self, path: Path, schema: Any) -> None:  # noqa: ANN401
        self._schema = schema
        self._file = pq.ParquetWriter(path, schema)
        self._waiting: list[Any] = []

    def write(self, chunk: Chunk, added: Mapping[str, Sequence[object]]) -> None:
        """The corpus's columns, then the added ones. Raises OSError."""
        own = self._schema.names[: len(self._schema.names) - len(added)]
        columns = chunk.batch.columns if isinstance(chunk, ArrowChunk) else _columns(chunk, own)
        arrays = [
            pa.array(column, type=field.type) if isinstance(column, Sequence) else column
            for column, field in zip((*columns, *added.values()), self._schema, strict=True)
        ]
        self._waiting.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(table.nbytes for table in self._waiting) >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """Write the rest, and the footer. Raises OSError."""
        if self._waiting:
            self._write_group()
        self._file.close()

    def _write_group(self) -> None:
        self._file.write_table(pa.concat_tables(self._waiting))
        self._waiting = []


def output_schema(corpus: Corpus, survey: Survey, added: Mapping[str, Kind]) -> Any:  # noqa: ANN401
    """Of the corpus's columns and the added ones.

    Raises:
        BulkError: a column of JSON Lines holds values of several types.
    """
    own = corpus.schema if isinstance(corpus, ParquetCorpus) else _inferred(corpus, survey)
    for name, kind in added.items():
        own = own.append(pa.field(name, _TYPES[kind]))
    return own


def _inferred(corpus: Corpus, survey: Survey) -> Any:  # noqa: ANN401
    fields = {name: pa.field(name, pa.null()) for name in survey.columns}
    for chunk in corpus.chunks():
        for name, values in zip(fields, _columns(chunk, survey.columns), strict=True):
            with _telling_of(name, corpus.path):
                found = pa.field(name, pa.array(values).type)
                fields[name] = _common(fields[name], found)
    _require_all_fit(corpus, fields)
    return pa.schema(list(fields.values()))


def _common(one: Any, other: Any) -> Any:  # noqa: ANN401
    schemas = [pa.schema([field]) for field in (one, other)]
    return pa.unify_schemas(schemas, promote_options="permissive").field(0)


def _require_all_fit(corpus: Corpus, fields: Mapping[str, Any]) -> None:
    for field in fields.values():
        with _telling_of(field.name, corpus.path):
            pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])).close()
    # Else an integer that no double holds would be found after hours of scoring.
    for chunk in corpus.chunks():
        for field, values in zip(fields.values(), _columns(chunk, [*fields]), strict=True):
            with _telling_of(field.name, corpus.path):
                pa.array(values, type=field.type)


@contextmanager
def _telling_of(name: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OverflowError) as exc:
        raise BulkError(
            f"{path}: the values of {name!r} have no one type, which Parquet wants ({exc}); "
            "write .jsonl instead"
        ) from None


def _columns(chunk: Chunk, names: Sequence[str]) -> list[Sequence[object]]:
    columns = [[row.get(name) for row in chunk.rows] for name in names]
    return [_well_formed(column) for column in columns]


def _well_formed(column: Sequence[object]) -> Sequence[object]:
    """Each lone surrogate, which JSON can write and UTF-8 cannot hold, as U+FFFD."""
    try:
        pa.array(column)
    except UnicodeEncodeError:
        whole: list[object] = json.loads(well_formed(json.dumps(column, ensure_ascii=False)))
        return whole
    except (pa.ArrowException, OverflowError):
        pass  # of several types: whoever asks for one says so
    return column


def _values(array: Any) -> list[object]:  # noqa: ANN401
    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:  # a string that is not UTF-8, which Parquet does not check
        values = array.cast(pa.binary()).to_pylist()
        return [None if value is None else value.decode(errors="replace") for value in values]
    except ValueError:  # nanoseconds, for which Python has no type
        return list(array.cast(pa.string()).to_pylist())


def _holds_text(kind: Any) -> bool:  # noqa: ANN401
    if pa.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return pa.types.is_null(kind) or any(is_one(kind) for is_one in kinds)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> object:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
