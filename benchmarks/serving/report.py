"""Verdicts as people and programs read them."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from benchmarks.bar import COLOURS, Verdict
from benchmarks.environment import Environment


def table(verdicts: Sequence[Verdict]) -> Table:
    """One line per bar."""
    shown = Table(box=SIMPLE)
    for column in ("bar", "what", "wanted", "median", "min – max", "verdict", "told"):
        shown.add_column(column, justify="right" if column in ("wanted", "median") else "left")
    for verdict in verdicts:
        shown.add_row(*_cells(verdict))
    return shown


def as_json(
    verdicts: Sequence[Verdict], environment: Environment, load: float, rounds: int
) -> dict[str, Any]:
    """Plain values; `load` is how many processes wanted a core at the end."""
    return {
        "environment": {**environment.as_json(), "load": load},
        "rounds": rounds,
        "bars": [verdict.as_json() for verdict in verdicts],
    }


def _cells(verdict: Verdict) -> tuple[str, ...]:
    bar, state = verdict.bar, verdict.state
    measured, spread = "", ""
    if verdict.values:
        measured = f"{verdict.median:.3g}"
        spread = f"{min(verdict.values):.3g} – {max(verdict.values):.3g}"
    shown = f"[{COLOURS[state]}]{state}[/]"
    return bar.name, bar.claim, bar.wanted, measured, spread, shown, verdict.told
