"""Finished parts, in a folder beside the output: what a run that broke off leaves for the next."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import ValidationError

from registry.whole_file import write_whole
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.outcome import Outcome, read, written
from runtime_server.bulk.part import Span
from runtime_server.bulk.record import Record

SUFFIX: Final = ".parts"
_RECORD: Final = "record.json"
_LOCK: Final = "lock"
_PART: Final = re.compile(r"part-(\d{12})-(\d+)\.jsonl")


@dataclass(frozen=True)
class PartsFolder:
    """`OUT.parts/`: a record of what they are parts of, and a file for each finished part."""

    path: Path

    @classmethod
    @contextmanager
    def locked(cls, out: Path) -> Iterator[Self]:
        """The folder of this output, for one run at a time.

        Raises:
            BulkError: another run has it; or it holds something else.
            OSError: it cannot be made.
        """
        folder = cls(out.with_name(f"{out.name}{SUFFIX}"))
        folder.path.mkdir(exist_ok=True)
        if folder._strangers():
            raise BulkError(f"{folder.path} was not made by this command: move it away")
        with _only_one(folder.path / _LOCK):
            try:
                yield folder
            finally:
                folder._remove_if_empty()

    def record(self) -> Record | None:
        """Of the run that broke off; None where there was none. Raises BulkError."""
        try:
            return Record.model_validate_json((self.path / _RECORD).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise BulkError(
                f"{self.path} is of another version of this command; --restart drops it"
            ) from None

    def begin(self, record: Record) -> None:
        """Parts from now on are of this. Raises OSError."""
        write_whole(self.path / _RECORD, record.model_dump_json(indent=1).encode())

    def finished(self) -> frozenset[Span]:
        """The spans of the parts that are here, each whole."""
        names = (_PART.fullmatch(entry.name) for entry in self.path.iterdir())
        return frozenset(Span(int(name[1]), int(name[2])) for name in names if name)

    def write(self, span: Span, outcomes: Sequence[Outcome]) -> None:
        """Raises OSError."""
        write_whole(self._file(span), written(outcomes))

    def outcomes(self) -> Iterator[Outcome]:
        """Of all rows, in order. Raises BulkError: parts are missing or damaged."""
        expected = 0
        for span in sorted(self.finished()):
            if span.first != expected:
                raise BulkError(f"{self.path} lacks rows {expected} to {span.first - 1}")
            yield from self._read(span)
            expected += span.rows

    def clear(self) -> None:
        """Forget every part, and what they were of. Raises OSError."""
        for entry in self.path.iterdir():
            if entry.name != _LOCK:
                entry.unlink()

    def remove(self) -> None:
        """The folder and all in it. Raises OSError."""
        shutil.rmtree(self.path)

    def _file(self, span: Span) -> Path:
        return self.path / f"part-{span.first:012}-{span.rows}.jsonl"

    def _read(self, span: Span) -> tuple[Outcome, ...]:
        path = self._file(span)
        try:
            outcomes = tuple(read(path.read_bytes()))
        except (ValueError, TypeError):
            outcomes = ()
        if len(outcomes) != span.rows:
            raise BulkError(f"{path} is damaged: delete it, and give the same command again")
        return outcomes

    def _strangers(self) -> bool:
        names = {entry.name for entry in self.path.iterdir()}
        known = {name for name in names if _PART.search(name) or _RECORD in name or name == _LOCK}
        return names != known

    def _remove_if_empty(self) -> None:
        if self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= {_LOCK}:
            self.remove()


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR)
    try:
        if sys.platform != "win32":
            _take(descriptor, lock)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, lock: Path) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BulkError(f"another run is at work on {lock.parent}") from None
