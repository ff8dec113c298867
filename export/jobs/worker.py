"""A build in a process of its own, so that its memory is its own and is given back."""

import gc
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import NoReturn

from export.build import build
from export.errors import ExportError
from export.jobs.messages import Built, Failed, Message, PassBegun
from export.jobs.record import PassCost
from export.memory import give_back, peak_bytes, reset_peak
from export.provenance import build_inputs
from export.recipe import Recipe
from export.threads import share_cores
from registry import FileStore, RegistryError

OUTPUT_FILE = "output.log"
# Tracing a model and reading GGUF make millions of objects that stay: Python's default, 700, looks
# through them again and again, for half of the time that it takes to load a language model.
COLLECT_AFTER = 100_000


@dataclass(frozen=True)
class BuildTask:
    """What to build, into which store; `scratch` is a folder that the caller removes.

    `jobs` builds run side by side.
    """

    recipe: Recipe
    root: Path
    scratch: Path
    jobs: int = 1


def work(task: BuildTask, connection: Connection) -> None:
    """Build, sending a Message at each pass and at the end. SIGTERM ends it cleanly."""
    signal.signal(signal.SIGTERM, _exit)
    tempfile.tempdir = str(task.scratch)
    _write_output_to(task.scratch / OUTPUT_FILE)
    gc.set_threshold(COLLECT_AFTER)
    share_cores(task.jobs)
    connection.send(_outcome(task, connection))


def _outcome(task: BuildTask, connection: Connection) -> Message:
    costs = _Costs(connection)
    try:
        inputs = build_inputs(task.recipe)
        artifact = build(task.recipe, FileStore(task.root), costs)
    except (ExportError, RegistryError) as exc:
        return Failed(task.recipe.model_id, _named(str(exc), task.recipe.model_id))
    passes = costs.end()
    # Imported here: nothing of it may count as memory of the build.
    from export.published.graph_statistics import GraphStatistics

    statistics = GraphStatistics.of(artifact.path(artifact.manifest.model.path))
    return Built(artifact.manifest, passes, statistics.parameters, inputs)


def _named(error: str, model_id: str) -> str:
    return error if error.startswith(f"{model_id}: ") else f"{model_id}: {error}"


class _Costs:
    """Measures each pass from its beginning to that of the next."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ended: list[PassCost] = []
        self._name, self._since = "start", time.perf_counter()

    def begin(self, model_id: str, step: str) -> None:
        """The pass `step` begins."""
        self._connection.send(PassBegun(step))
        self._end_current()
        give_back()
        reset_peak()
        self._name, self._since = step, time.perf_counter()

    def end(self) -> tuple[PassCost, ...]:
        """All passes are done: what each has cost."""
        self._end_current()
        return tuple(self._ended)

    def _end_current(self) -> None:
        seconds = round(time.perf_counter() - self._since, 3)
        cost = PassCost(name=self._name, seconds=seconds, peak_rss_bytes=peak_bytes())
        self._ended.append(cost)


def _exit(signum: int, _frame: FrameType | None) -> NoReturn:
    # An exception, not an exit at once: the store removes what is half-written, a pass its process.
    signal.signal(signum, signal.SIG_IGN)
    raise SystemExit(128 + signum)


def _write_output_to(path: Path) -> None:
    # What libraries print would tear the progress bars; the caller shows it when the worker dies.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
