"""Runs builds in worker processes, so many at a time, and ends them all when interrupted."""

import multiprocessing
import signal
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

from export.jobs.messages import Failed, Message, Outcome, PassBegun
from export.jobs.plan import member_artifacts
from export.jobs.worker import OUTPUT_FILE, BuildTask, work
from export.memory import resident_bytes
from export.recipe import Recipe

TICK_SECONDS = 0.2
# A pass cannot be left in the middle of a call into a library.
GRACE_SECONDS = 10
LAST_WORDS = 3000
# spawn: a forked worker would begin with the memory and the locks of this process.
_context = multiprocessing.get_context("spawn")


class Watcher(Protocol):
    """Told how builds go."""

    def begun(self, model_id: str, step: str) -> None:
        """The build of this model has come to this pass."""
        ...

    def holds(self, model_id: str, resident: int | None) -> None:
        """Its worker holds so many bytes now; None where that cannot be seen."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """It is published, or it failed."""
        ...


def run_builds(
    recipes: tuple[Recipe, ...], root: Path, jobs: int, watcher: Watcher
) -> Generator[Outcome]:
    """Build all, `jobs` at a time, giving each outcome as it comes.

    One that fails does not keep the others from being built; an ensemble waits for its members.
    Closing the generator, or an exception such as KeyboardInterrupt, ends all workers.
    """
    waiting = list(recipes)
    running: list[_RunningBuild] = []
    try:
        while waiting or running:
            while len(running) < jobs and (recipe := _next(waiting, running, root)):
                waiting.remove(recipe)
                running.append(_RunningBuild(recipe, root, jobs))
            wait([build.connection for build in running], timeout=TICK_SECONDS)
            for build in tuple(running):
                if outcome := build.follow(watcher):
                    running.remove(build)
                    build.close()
                    watcher.ended(outcome)
                    yield outcome
    finally:
        for build in running:
            build.terminate()
        for build in running:
            build.close()


def _next(waiting: list[Recipe], running: "list[_RunningBuild]", root: Path) -> Recipe | None:
    """The first whose members are built; any where none is under way, as in a circle."""
    unfinished = {recipe.model_id for recipe in waiting} | {build.model_id for build in running}
    free = (r for r in waiting if not member_artifacts(r, root) & unfinished)
    return next(free, None if running or not waiting else waiting[0])


class _RunningBuild:
    """A worker, the end of its pipe, and the folder in which it works."""

    def __init__(self, recipe: Recipe, root: Path, jobs: int) -> None:
        self.model_id, self._pass = recipe.model_id, "start"
        self._scratch = tempfile.TemporaryDirectory(prefix="samegraph-build-")
        self.connection, theirs = _context.Pipe(duplex=False)
        task = BuildTask(recipe, root, Path(self._scratch.name), jobs)
        self._process = _context.Process(target=work, args=(task, theirs), daemon=True)
        with _interrupts_ignored():
            self._process.start()
        theirs.close()

    def follow(self, watcher: Watcher) -> Outcome | None:
        """Pass on what the worker has said; its outcome, if it has come to one."""
        watcher.holds(self.model_id, resident_bytes(self._process.pid or 0))
        while self.connection.poll():
            message = self._receive()
            if not isinstance(message, PassBegun):
                return message
            self._pass = message.name
            watcher.begun(self.model_id, message.name)
        return None

    def terminate(self) -> None:
        """Ask the worker to end."""
        self._process.terminate()

    def close(self) -> None:
        """Wait for the worker's end, and remove its folder."""
        self._process.join(GRACE_SECONDS)
        self._process.kill()
        self._process.join()
        self.connection.close()
        self._scratch.cleanup()

    def _receive(self) -> Message:
        try:
            message: Message = self.connection.recv()
        except EOFError:
            return Failed(self.model_id, self._last_words())
        return message

    def _last_words(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        cause = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit {code}"
        hint = "; out of memory, most likely" if -code == signal.SIGKILL else ""
        output = Path(self._scratch.name, OUTPUT_FILE)
        said = output.read_text("utf-8", "replace").strip() if output.is_file() else ""
        return f"{self.model_id}: pass {self._pass}: its process ended with {cause}{hint}" + (
            f"\n{said[-LAST_WORDS:]}" if said else ""
        )


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    # A worker inherits this. Ctrl-C reaches the whole process group: this process hears it, and
    # ends the workers with SIGTERM.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
