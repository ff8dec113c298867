"""The report as one HTML file that needs nothing else."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from benchmarks.bar import State
from benchmarks.measurement import Results, SuiteResult
from benchmarks.report.picture import picture
from benchmarks.report.plots import Plot, plots
from benchmarks.report.tables import QuantityTable, figure, quantity_tables
from export.report.html import html_environment

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Section:
    """A suite as the page shows it; `lead` is a plot of its own that stands before the others."""

    result: SuiteResult
    lead: Markup | None
    plots: tuple[Plot, ...]
    tables: tuple[QuantityTable, ...]


def html(results: Results) -> str:
    """The page."""
    environment: Environment = html_environment(HERE)
    environment.filters |= {"figure": figure, "svg": Markup}
    verdicts = [one for suite in results.suites for one in suite.verdicts]
    return environment.get_template("page.html.j2").render(
        results=results,
        sections=tuple(map(_section, results.suites)),
        counts={state: sum(one.state is state for one in verdicts) for state in State},
        style=Markup((HERE / "style.css").read_text("utf-8")),  # noqa: S704 (our own file)
    )


def _section(result: SuiteResult) -> Section:
    lead = picture(result) if result.suite == "quality" else None
    return Section(
        result=result,
        lead=None if lead is None else Markup(lead),  # noqa: S704 (drawn here)
        plots=tuple(plots(result.measurements)),
        tables=tuple(quantity_tables(result.measurements)),
    )
