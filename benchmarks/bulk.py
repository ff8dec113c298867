"""What scoring a corpus costs: a plain loop, the command's local engine, and Ray, in turns.

The plain loop has all texts in memory, sorts their rows by length and runs them on one session, in
the best of three sizes of batches: the least that one can write, and hard to beat. The engines are
given a file and write one, with all that this takes: reading it three times, parts, the output.
Sessions are loaded beforehand, and a first run of each is not counted.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bar import Bar
from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.mixed_texts import mixed_texts
from benchmarks.serving.offline import ROWS
from benchmarks.serving.usage import usage
from registry import Artifact
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.part import ROWS_OF, Cut
from runtime_server.bulk.result_columns import ResultColumns
from runtime_server.bulk.run import Job, Meter, run
from runtime_server.bulk.scorer import Room
from runtime_server.bulk.workers import LocalWorkers, Workers
from runtime_server.cpu_quota import usable_cores
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.requests import TextLimits
from runtime_server.settings import load_settings

MOST_TEXTS: Final = 2000
FEWEST_TEXTS: Final = 100
PLAIN: Final = "plain loop"
LOCAL: Final = "local engine"
RAY: Final = "Ray, one worker"
# Scores all texts once.
Way = Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Turn:
    """One pass over the texts."""

    rows_per_s: float
    cpu_ms: float


@dataclass(frozen=True)
class Quiet:
    """A meter that shows nothing."""

    def partly(self, rows: float) -> None:
        """Nothing."""

    def finished(self, rows: int) -> None:
        """Nothing."""


def measure(
    artifact: Artifact, *, rounds: int = 3, budget_s: float = 45.0, with_ray: bool = True
) -> Iterator[Finding]:
    """Rows per second and CPU-ms per row of each way, and whether the local engine keeps up.

    The number of texts is what the budget allows, 2,000 at most.
    """
    name, room = artifact.manifest.model_id, Room.of(load_settings(workers=1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        plain, texts = _plain_loop(artifact, budget_s / (rounds + 1) / 4)
        local = stack.enter_context(LocalWorkers.started(artifact, room, usable_cores()))
        ways = {PLAIN: plain, LOCAL: _job(artifact, folder, local)}
        try:
            if with_ray:
                ways[RAY] = _job(artifact, folder, stack.enter_context(_ray(artifact, room)))
        except BulkError as exc:
            yield Missing(subject=f"{name}, {RAY}", why=str(exc))
        turns = _in_turns(ways, texts, rounds)
    yield from _measurements(name, turns, len(texts))
    pairs = zip(turns[LOCAL], turns[PLAIN], strict=True)
    ratios = [one.rows_per_s / other.rows_per_s for one, other in pairs]
    yield _bar(name).judge(ratios, f"{len(texts)} texts, {rounds} rounds")


def _bar(name: str) -> Bar:
    claim = f"{name}: a file scored to a file, against the best plain loop over texts in memory"
    return Bar("bulk", claim, 0.9, "x", at_least=True)


def _in_turns(
    ways: dict[str, Way], texts: Sequence[str], rounds: int
) -> dict[str, tuple[Turn, ...]]:
    found: dict[str, list[Turn]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            turn = _turn(way, texts)
            if number > 0:
                found[name].append(turn)
    return {name: tuple(turns) for name, turns in found.items()}


def _turn(way: Way, texts: Sequence[str]) -> Turn:
    # Of the process tree: Ray's workers are below it.
    cpu_s, began = usage(os.getpid()).cpu_s, time.perf_counter()
    way(texts)
    seconds = time.perf_counter() - began
    spent = usage(os.getpid()).cpu_s - cpu_s
    return Turn(len(texts) / seconds, spent / len(texts) * 1e3)


def _plain_loop(artifact: Artifact, turn_s: float) -> tuple[Way, tuple[str, ...]]:
    """The loop with its best size of batches, and texts that take it so long."""
    model = LoadedModel.load(artifact, SessionPlan(usable_cores(), allow_cuda=False))
    probe = mixed_texts(FEWEST_TEXTS)

    def loop(texts: Sequence[str], size: int) -> None:
        rows = [row for text in texts for row in model.input.rows((text,)).rows]
        rows.sort(key=lambda row: row.padded)
        for start in range(0, len(rows), size):
            model.run(rows[start : start + size])

    loop(probe, ROWS[0])
    rates = {size: _turn(lambda texts: loop(texts, size), probe).rows_per_s for size in ROWS}  # noqa: B023
    best = max(rates, key=lambda size: rates[size])
    count = min(MOST_TEXTS, max(FEWEST_TEXTS, round(rates[best] * turn_s)))
    return lambda texts: loop(texts, best), mixed_texts(count)


def _job(artifact: Artifact, folder: Path, workers: Workers) -> Way:
    corpus, out = folder / "in.jsonl", folder / "out.jsonl"
    cut = Cut(ROWS_OF[artifact.manifest.size_category], TextLimits(1, 100_000))
    job = Job(corpus, out, ResultColumns(artifact.manifest, 0.5), cut, restart=True)

    def start() -> AbstractContextManager[Workers]:
        return nullcontext(workers)

    def show(_total: int, _kept: int) -> AbstractContextManager[Meter]:
        return nullcontext(Quiet())

    def way(texts: Sequence[str]) -> None:
        if not corpus.exists():
            corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        run(job, start, show)

    return way


def _ray(artifact: Artifact, room: Room) -> AbstractContextManager[Workers]:
    from runtime_server.bulk.ray_workers import RayWorkers

    return RayWorkers.started(artifact, room, None, None, lambda _: None)


def _measurements(
    name: str, turns: dict[str, tuple[Turn, ...]], n_texts: int
) -> Iterator[Measurement]:
    for way, own in turns.items():
        told = f"{n_texts} texts"
        yield Measurement(
            subject=f"{name}, {way}",
            quantity="throughput",
            unit="/s",
            values=tuple(turn.rows_per_s for turn in own),
            better=Better.HIGHER,
            told=told,
        )
        yield Measurement(
            subject=f"{name}, {way}",
            quantity="CPU time",
            unit="CPU-ms",
            values=tuple(turn.cpu_ms for turn in own),
            told=told,
        )
