"""One run over a corpus: looks through it, scores what is not yet scored, writes the output."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final, Protocol

from registry.whole_file import replacing
from runtime_server.bulk.corpus import Chunk, Corpus
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.formats import Format, Sink
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.part import Cut, Part
from runtime_server.bulk.parts_folder import PartsFolder
from runtime_server.bulk.record import Record, Source
from runtime_server.bulk.result_columns import ResultColumns
from runtime_server.bulk.workers import Workers

_SHOWN_REFUSALS: Final = 5


@dataclass(frozen=True)
class Job:
    """What is to be done. Where `out` lies, its parts do until it is whole."""

    corpus: Path
    out: Path
    columns: ResultColumns
    cut: Cut
    text_column: str = "text"
    id_column: str | None = None
    limit: int | None = None
    restart: bool = False


@dataclass(frozen=True)
class Refusal:
    """A row without a probability; `name` is its id, or its number from 1."""

    name: str
    error: str


@dataclass(frozen=True)
class Done:
    """What a run did: rows of the output, those of them that it scored itself, in `seconds`."""

    rows: int
    scored: int
    seconds: float
    n_refused: int = 0
    refusals: tuple[Refusal, ...] = ()


class Meter(Protocol):
    """Hears how far the run is."""

    def partly(self, rows: float) -> None:
        """So many rows more of the part that runs are done."""
        ...

    def finished(self, rows: int) -> None:
        """A part of so many rows is done, and kept."""
        ...


StartWorkers = Callable[[], AbstractContextManager[Workers]]
ShowMeter = Callable[[int, int], AbstractContextManager[Meter]]
Stage = Callable[[str], AbstractContextManager[object]]


def run(job: Job, start: StartWorkers, show: ShowMeter, stage: Stage = nullcontext) -> Done:
    """Does the job; what an earlier run finished of it is not done again.

    `show` is told the number of rows, and of those that are kept; `stage` what else takes time.

    Raises:
        BulkError: the corpus cannot be scored, or not so.
        EngineError: the graph fails on every text.
        OSError: the disk is full, or a folder cannot be written.
    """
    corpus = Format.of(job.corpus).corpus(job.corpus, job.limit)
    _require_two_files(job)
    with PartsFolder.locked(job.out) as parts:
        if job.restart:
            parts.clear()
        elif job.out.exists() and parts.record() is None:
            raise BulkError(f"{job.out} is there already; --restart writes it anew")
        with stage(f"looking through {job.corpus}"):
            source = _source(job, corpus, parts)
            sink = _sink(job, corpus, source)
        parts.begin(_record(job, source, parts))
        done = _score(job, corpus, source, parts, start, show)
        with stage(f"writing {job.out}"):
            found = _join(job, corpus, source, parts, sink)
        parts.remove()
    return replace(done, n_refused=found.n_refused, refusals=tuple(found.refusals))


def _require_two_files(job: Job) -> None:
    if not job.corpus.is_file():
        raise BulkError(f"{job.corpus} is no file")
    if job.out.exists() and job.out.samefile(job.corpus):
        raise BulkError("the output would take the place of the input: give it another name")
    if job.out.is_dir():
        raise BulkError(f"{job.out} cannot be written: it is a folder")
    if not job.out.parent.is_dir():
        raise BulkError(f"{job.out} cannot be written: there is no folder {job.out.parent}")


def _source(job: Job, corpus: Corpus, parts: PartsFolder) -> Source:
    kept = parts.record()
    if kept is not None:
        source = kept.source
        same_view = (source.text_column, source.limit) == (job.text_column, job.limit)
        if same_view and source.is_untouched(job.corpus):
            return source
    return Source.of(corpus, job.text_column, job.limit)


def _sink(job: Job, corpus: Corpus, source: Source) -> Sink:
    job.columns.require_free(source.columns)
    if job.id_column is not None and source.rows and job.id_column not in source.columns:
        there = ", ".join(source.columns)
        raise BulkError(f"{job.corpus} has no column {job.id_column!r}; there are: {there}")
    return Format.of(job.out).sink(corpus, source.survey, job.columns.kinds)


def _record(job: Job, source: Source, parts: PartsFolder) -> Record:
    manifest = job.columns.manifest
    record = Record.of(source, manifest.reference, manifest.digest, job.cut)
    kept = parts.record()
    difference = None if kept is None else record.difference(kept)
    if difference is not None:
        raise BulkError(
            f"{parts.path} holds parts of another run: {difference}. Give the same command to go "
            "on with it, or --restart to drop it"
        )
    return record


def _score(
    job: Job,
    corpus: Corpus,
    source: Source,
    parts: PartsFolder,
    start: StartWorkers,
    show: ShowMeter,
) -> Done:
    finished = parts.finished()
    kept = sum(span.rows for span in finished)
    if kept == source.rows:
        return Done(source.rows, 0, 0.0)
    every = job.cut.parts(corpus.texts(job.text_column))
    missing: Iterator[Part] = (part for part in every if part.span not in finished)
    with start() as workers, show(source.rows, kept) as meter:
        began = perf_counter()
        for part, outcomes in workers.scored(missing, meter.partly):
            parts.write(part.span, outcomes)
            meter.finished(part.span.rows)
        return Done(source.rows, source.rows - kept, perf_counter() - began)


def _join(job: Job, corpus: Corpus, source: Source, parts: PartsFolder, sink: Sink) -> "_Refused":
    refused = _Refused(job.id_column)
    outcomes = parts.outcomes()
    with replacing(job.out) as beside:
        with sink.opened(beside) as writer:
            for chunk in corpus.chunks():
                own = tuple(islice(outcomes, len(chunk)))
                if len(own) != len(chunk):
                    raise BulkError(_changed(job, parts))
                refused.note(chunk, own)
                writer.write(chunk, job.columns.of(own))
        if next(outcomes, None) is not None or not source.is_untouched(job.corpus):
            raise BulkError(_changed(job, parts))
    return refused


def _changed(job: Job, parts: PartsFolder) -> str:
    return (
        f"{job.corpus} changed while it was scored, {job.out} is not written; put back what it was "
        f"and give the same command, or score it anew with --restart ({parts.path} is kept)"
    )


class _Refused:
    def __init__(self, id_column: str | None) -> None:
        self._id_column = id_column
        self._rows = 0
        self.n_refused = 0
        self.refusals: list[Refusal] = []

    def note(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> None:
        for place, outcome in enumerate(outcomes):
            if outcome.error is not None:
                self.n_refused += 1
                if len(self.refusals) < _SHOWN_REFUSALS:
                    self.refusals.append(Refusal(self._name(chunk, place), outcome.error))
        self._rows += len(chunk)

    def _name(self, chunk: Chunk, place: int) -> str:
        if self._id_column is None:
            return f"row {self._rows + place + 1:,}"
        return f"{self._id_column} {chunk.rows[place].get(self._id_column)}"
