"""Says how far a run is: a bar on a terminal, a line now and then elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import perf_counter
from typing import Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

# Between lines in a log.
SPARSELY_S: Final = 30.0


class Meter:
    """Counts rows. What is told while a part runs is provisional until the part is finished."""

    def __init__(self, console: Console, total: int, kept: int, bar: Progress | None) -> None:
        self._console, self._total, self._kept, self._bar = console, total, kept, bar
        self._task = None if bar is None else bar.add_task("scoring", total=total, completed=kept)
        self._finished = 0
        self._began = self._last_line = perf_counter()
        self._partly = 0.0

    @classmethod
    @contextmanager
    def shown(cls, console: Console, total: int, kept: int) -> Iterator[Self]:
        """Of a run over `total` rows, `kept` of which an earlier run has scored."""
        if not console.is_terminal:
            yield cls(console, total, kept, None)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            _Rows(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=console, speed_estimate_period=120) as bar:
            yield cls(console, total, kept, bar)

    def partly(self, rows: float) -> None:
        """So many rows more of the part that runs are done."""
        self._partly += rows
        self._show()

    def finished(self, rows: int) -> None:
        """A part of so many rows is done, and kept."""
        self._finished += rows
        self._partly = 0.0
        self._show()

    def say(self, message: str) -> None:
        """One line, above the bar where there is one."""
        self._console.print(escape(message), soft_wrap=True, highlight=False)

    @property
    def _done(self) -> float:
        return self._kept + self._finished + self._partly

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)
        elif perf_counter() - self._last_line >= SPARSELY_S:
            self._last_line = perf_counter()
            self.say(self._line())

    def _line(self) -> str:
        done, seconds = self._done - self._kept, perf_counter() - self._began
        left = timedelta(seconds=round((self._total - self._done) * seconds / max(done, 1e-9)))
        return f"{self._done:,.0f} of {self._total:,} rows, {rate(done, seconds)}, {left} left"


def rate(rows: float, seconds: float) -> str:
    """As in `12,345 rows/s` or `0.35 rows/s`."""
    per_s = rows / max(seconds, 1e-9)
    return f"{per_s:,.0f} rows/s" if per_s >= 100 else f"{per_s:.2g} rows/s"


class _Rows(ProgressColumn):
    def render(self, task: Task) -> Text:
        """How many of how many, and how fast."""
        speed = task.finished_speed or task.speed
        fast = "" if speed is None else f", {rate(speed, 1)}"
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} rows{fast}")
