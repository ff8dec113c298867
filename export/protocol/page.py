"""evaluation.html: what was measured of all models, on one page that needs nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from export.evaluation import Evaluation
from export.protocol.charts import charts
from export.protocol.measured import Estimate, Measured
from export.report.formats import share
from export.report.html import html_environment

HERE = Path(__file__).resolve().parent
STYLES = (HERE.parent / "report" / "style.css", HERE / "style.css")
# A domain where more human texts are flagged is marked.
MOST_FLAGGED = 0.02


def render(measured: Sequence[Measured], trained: Mapping[str, Evaluation]) -> str:
    """The page; `trained` is what training measured, by model id. Whatever is shown is escaped."""
    environment = html_environment(HERE)
    environment.filters |= {"estimate": _estimate, "rate": _rate, "score": _score}
    style = "\n".join(path.read_text("utf-8") for path in STYLES)
    return environment.get_template("page.html.j2").render(
        measured=measured,
        trained=trained,
        charts=charts(measured),
        share=share,
        most_flagged=MOST_FLAGGED,
        style=Markup(style),  # noqa: S704 (our own files)
    )


def _estimate(found: Estimate, percent: bool = True) -> Markup:
    numbers = (found.value, found.low, found.high)
    texts = [f"{100 * v:.1f}%" if percent else f"{v:.3f}" for v in numbers]
    return Markup("{} <small>{} to {}</small>").format(*texts)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
