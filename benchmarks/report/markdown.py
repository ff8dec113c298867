"""The report as Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.bar import Verdict
from benchmarks.measurement import Results, SuiteResult
from benchmarks.report.tables import QuantityTable, figure, quantity_tables


def markdown(results: Results) -> str:
    """Environment first: without it the figures say nothing."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield f"{results.environment.line}. Medians; 95% intervals from a bootstrap."
    for suite in results.suites:
        yield from _suite(suite)
    yield ""
    yield "## Environment"
    yield ""
    for name, version in results.environment.versions.items():
        yield f"- {name} {version}"
    for reference, digest in results.environment.artifacts.items():
        yield f"- {reference} `{digest[:16]}`"


def _suite(suite: SuiteResult) -> Iterator[str]:
    yield ""
    yield f"## {suite.title}"
    yield ""
    yield (
        f"`python -m benchmarks {suite.suite}`, {suite.began}, commit {suite.commit}, "
        f"{suite.seconds:.0f} s, load {suite.load[0]} before and {suite.load[1]} after"
        f"{', interrupted' if suite.interrupted else ''}."
    )
    if suite.verdicts:
        yield ""
        yield from _verdicts(suite.verdicts)
    for table in quantity_tables(suite.measurements):
        yield ""
        yield from _table(table)
    for missing in suite.missing:
        yield ""
        yield f"Missing: {missing.subject}: {missing.why}"


def _verdicts(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield from _head(("bar", "what", "wanted", "median", "verdict", ""))
    for one in verdicts:
        measured = figure(one.median) if one.values else ""
        yield _line((one.bar.name, one.bar.claim, one.bar.wanted, measured, one.state, one.told))


def _table(table: QuantityTable) -> Iterator[str]:
    unit = table.unit and f", {table.unit}"
    figures = ("median", "95% interval", "p95", "p99", "min", "n", "")
    yield from _head((f"{table.quantity}{unit}", *table.axes, *figures))
    for row in table.rows:
        figures = (row.median, row.interval, row.p95, row.p99, row.least, str(row.n), row.told)
        yield _line((row.subject, *row.places, *figures))


def _head(names: Sequence[str]) -> Iterator[str]:
    yield _line(names)
    yield _line(["---"] * len(names))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
