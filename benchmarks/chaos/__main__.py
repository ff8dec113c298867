"""The command line: a table of what became of requests; exit status 1 where one was lost."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.chaos.run import tallies
from benchmarks.chaos.stage import DEFAULT, ChaosError, stage
from benchmarks.chaos.tally import Tally
from benchmarks.system_programs import find_program
from benchmarks.topology import NEEDED
from registry import FileStore, NotFoundError

progress = Console(stderr=True, highlight=False)


def main(
    short: Annotated[bool, typer.Option("--short", help="A few seconds for each fault.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Start nginx, two replicas and Redis, let one part after another fail, and count."""
    if absent := [name for name in NEEDED if find_program(name) is None]:
        progress.print(f"[red]error[/] {', '.join(absent)} missing: make programs")
        raise typer.Exit(2)
    results: dict[str, Tally] = {}
    try:
        with stage(FileStore().resolve(DEFAULT), workers=1 if short else 2) as started:
            per_s, seconds = (30, 1.5) if short else (80, 15)
            for name, tally in tallies(started, per_s=per_s, seconds=seconds, short=short):
                counts = f"{tally.answered} of {tally.sent} answered, {_listed(tally.lost)} lost"
                progress.print(f"{name}: {counts}")
                results[name] = tally
    except (ChaosError, NotFoundError) as exc:
        progress.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    results["all"] = sum(results.values(), Tally(0, {}, {}))
    if as_json:
        sys.stdout.write(json.dumps({name: _counts(tally) for name, tally in results.items()}))
    else:
        Console(width=None if sys.stdout.isatty() else 140).print(_table(results))
    if results["all"].lost:
        raise typer.Exit(1)


def _counts(tally: Tally) -> Mapping[str, object]:
    return {
        "sent": tally.sent,
        "answered": tally.answered,
        "refused": dict(tally.refused),
        "lost": dict(tally.lost),
    }


def _table(results: Mapping[str, Tally]) -> Table:
    table = Table("fault", "sent", "answered", "refused, by code", "lost")
    for name, tally in results.items():
        cells = (str(tally.sent), str(tally.answered), _listed(tally.refused), _listed(tally.lost))
        table.add_row(name, *cells)
    return table


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {code}" for code, count in sorted(counts.items())) or "0"


if __name__ == "__main__":
    typer.run(main)
