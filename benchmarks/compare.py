"""`python -m benchmarks.compare A B`: what changed from one file of results to another."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.comparison import Change, Compared, Comparison, OtherEnvironmentError, compare
from benchmarks.results_file import ResultsFileError, read_results

COLOURS = {Change.BETTER: "green", Change.WORSE: "red", Change.OTHER: "yellow"}
console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
errors = Console(stderr=True, highlight=False)


def main(
    before: Annotated[Path, typer.Argument(metavar="A", help="Results of before.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Results of after.")],
    force: Annotated[bool, typer.Option(help="Compare other environments, too.")] = False,
    every: Annotated[bool, typer.Option("--all", help="List what did not change, too.")] = False,
) -> None:
    """Compare two files of results; a change that noise explains is said to be not significant.

    Results of other machines, versions or artifacts are refused: their difference says nothing of
    the code. --force compares them all the same, and lists what differs.
    """
    try:
        first, second = read_results(before), read_results(after)
        comparison = compare(first, second, force=force)
    except ResultsFileError as exc:
        errors.print(f"[red]error[/] {escape(str(exc))}", soft_wrap=True)
        raise typer.Exit(1) from None
    except OtherEnvironmentError as exc:
        errors.print("[red]error[/] the environments differ; --force compares all the same")
        for line in exc.differences:
            errors.print(f"  {line}")
        raise typer.Exit(1) from None
    for line in first.environment.differences(second.environment):
        console.print(f"[yellow]differs[/] {line}")
    _show(comparison, every)


def _show(comparison: Comparison, every: bool) -> None:
    shown = [one for one in comparison.compared if every or one.change in COLOURS]
    if shown:
        console.print(_table(shown))
    counts = ", ".join(
        f"{count} {change}"
        for change in Change
        if (count := sum(one.change is change for one in comparison.compared))
    )
    console.print(f"{len(comparison.compared)} compared: {counts or 'nothing in common'}")
    for names, where in ((comparison.only_before, "A"), (comparison.only_after, "B")):
        if names:
            console.print(f"only in {where}: {len(names)}")
            for name in names if every else ():
                console.print(f"  {name}")


def _table(rows: list[Compared]) -> Table:
    table = Table("suite", "what", box=SIMPLE)
    for column in ("A", "B", "B / A", "95%"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in rows:
        change, interval = one.change, one.interval
        table.add_row(
            one.suite,
            one.before.name,
            f"{one.before.median:.4g} {one.before.unit}",
            f"{one.after.median:.4g} {one.after.unit}",
            f"{one.ratio:.2f}",
            f"{interval.low:.2f} – {interval.high:.2f}" if interval else "",
            f"[{COLOURS.get(change, 'dim')}]{change}[/]",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
