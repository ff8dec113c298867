"""Shows how builds go: bars in a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from export.build import PASSES
from export.commands.options import megabytes
from export.jobs.messages import Failed, Outcome
from export.jobs.pool import Watcher


@contextmanager
def build_progress(console: Console) -> Iterator[Watcher]:
    """A watcher that writes to this console."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.fields[model]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[step]:<14}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[memory]:>8}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(progress)


class _Bars(Watcher):
    """One bar for each build under way, and a line for each that has ended."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._since: dict[str, float] = {}

    def begun(self, model_id: str, step: str) -> None:
        self._progress.update(self._task(model_id), step=step, completed=PASSES.index(step))

    def holds(self, model_id: str, resident: int | None) -> None:
        memory = "" if resident is None else megabytes(resident)
        self._progress.update(self._task(model_id), memory=memory)

    def ended(self, outcome: Outcome) -> None:
        self._progress.remove_task(self._tasks.pop(outcome.model_id))
        self._progress.console.print(_last_line(outcome, self._since[outcome.model_id]))

    def _task(self, model_id: str) -> TaskID:
        if model_id not in self._tasks:
            self._tasks[model_id] = self._progress.add_task(
                "", total=len(PASSES), model=model_id, step="start", memory=""
            )
            self._since[model_id] = time.perf_counter()
        return self._tasks[model_id]


class _Lines(Watcher):
    """One line for each pass, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._since: dict[str, float] = {}
        self._memory = ""

    def begun(self, model_id: str, step: str) -> None:
        elapsed = time.perf_counter() - self._since[model_id]
        line = f"{model_id}: {step} ({elapsed:.1f} s{self._memory})"
        self._console.print(line, soft_wrap=True, highlight=False)

    def holds(self, model_id: str, resident: int | None) -> None:
        self._since.setdefault(model_id, time.perf_counter())
        self._memory = "" if resident is None else f", {megabytes(resident)}"

    def ended(self, outcome: Outcome) -> None:
        line = _last_line(outcome, self._since[outcome.model_id])
        self._console.print(line, soft_wrap=True, highlight=False)


def _last_line(outcome: Outcome, since: float) -> str:
    if isinstance(outcome, Failed):
        return f"[red]failed[/] {escape(outcome.model_id)}"
    peak = max(cost.peak_rss_bytes for cost in outcome.passes)
    return (
        f"[green]built[/] {outcome.manifest.reference} in "
        f"{time.perf_counter() - since:.1f} s, peak {megabytes(peak)}"
    )
