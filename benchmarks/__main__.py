"""`python -m benchmarks [SUITE]...`: measure, say so, and write the report."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks.bar import COLOURS, Verdict
from benchmarks.environment import Environment
from benchmarks.measurement import Finding, Measurement, Missing, Results, SuiteResult
from benchmarks.results_file import LATEST, ResultsFileError, read_results, write_results
from benchmarks.suite_run import run_suite
from benchmarks.suites import LONGEST_S, SUITES, Context, Suite
from registry import FileStore

LISTED = "\n\n".join(f"{one.name}: {one.title} ({one.budget_s:.0f} s)" for one in SUITES)
console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SUITE]...", help="All, if none is named.")
    ] = None,
    peers: Annotated[
        str | None, typer.Option(help="Compare with these only, as in litserve,mlserver.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="For all suites; fewer minutes, fewer repetitions.")
    ] = LONGEST_S / 60,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled documents (.jsonl.gz), for the AUROC of each scheme."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Results, beside which the reports are written.")
    ] = LATEST,
    fresh: Annotated[bool, typer.Option(help="Forget the file's earlier suites.")] = False,
) -> None:
    """Measure every suite, and write results (.json) and a report (.md, .html).

    A suite takes the place of its earlier result in the file; where that is of another environment,
    it is kept beside under the time of its end. A quiet machine is needed: the load is in the
    report.
    """
    suites = _chosen(names or [])
    artifacts = tuple(sorted(FileStore().artifacts(), key=lambda one: one.manifest.size_bytes))
    if not artifacts:
        console.print("[red]error[/] the registry holds no artifacts; `make export` builds them")
        raise typer.Exit(1)
    results = _kept(out, Environment.current(artifacts), fresh)
    for number, suite in enumerate(suites, 1):
        minutes_each = suite.budget_s * minutes / LONGEST_S
        title = f"{number} of {len(suites)}: {suite.title} (about {minutes_each:.1f} min)"
        console.rule(title, align="left")
        context = Context(
            artifacts=artifacts,
            peers=None if peers is None else tuple(name for name in peers.split(",") if name),
            budget_s=suite.budget_s * minutes * 60 / LONGEST_S,
            tell=lambda line: console.print(f"[dim]{line}[/]"),
            data=data,
            earlier=results,
        )
        result = run_suite(suite, context, _tell_finding)
        results = results.with_suite(result)
        _write(results, out)
        _tell_end(result)
        if result.interrupted:
            console.print(f"stopped; what was found is in {out}")
            raise typer.Exit(130)
    console.print(f"written to {out} and, as reports, beside it")


def _chosen(names: list[str]) -> tuple[Suite, ...]:
    given = [name for word in names for name in word.split(",") if name]
    known = {one.name: one for one in SUITES}
    for name in given:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return tuple(one for one in SUITES if not given or one.name in given)


def _kept(out: Path, environment: Environment, fresh: bool) -> Results:
    empty = Results(environment=environment)
    if fresh or not out.exists():
        return empty
    try:
        earlier = read_results(out)
    except ResultsFileError as exc:
        console.print(f"[red]error[/] {escape(str(exc))}; --fresh writes it anew", soft_wrap=True)
        raise typer.Exit(1) from None
    if earlier.environment == environment:
        return earlier
    beside = out.with_stem(f"{out.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    write_results(earlier, beside)
    console.print(f"[yellow]{out.name} is of another environment; it is now {beside.name}[/]")
    return empty


def _write(results: Results, out: Path) -> None:
    # Imported here: drawing needs a library that measuring does not.
    from benchmarks.report import write_reports

    write_results(results, out)
    write_reports(results, out)


def _tell_finding(finding: Finding) -> None:
    match finding:
        case Measurement():
            console.print(f"  {finding.name}: {finding.median:,.4g} {finding.unit}")
        case Verdict():
            colour = COLOURS[finding.state]
            console.print(f"  [{colour}]{finding.state}[/] {finding.bar.name}: {finding.bar.claim}")
        case Missing():
            console.print(f"  [yellow]missing[/] {escape(f'{finding.subject}: {finding.why}')}")


def _tell_end(result: SuiteResult) -> None:
    console.print(
        f"{len(result.measurements)} measurements, {len(result.missing)} missing, in "
        f"{result.seconds:.0f} s; load {result.load[0]} before, {result.load[1]} after"
    )


def command() -> Callable[..., None]:
    """With the suites in its help."""
    main.__doc__ = f"{main.__doc__}\n{LISTED}"
    return main


if __name__ == "__main__":
    typer.run(command())
