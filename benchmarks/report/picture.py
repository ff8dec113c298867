"""The picture of the README: size against quality against latency."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.measurement import SuiteResult
from benchmarks.report.plots import as_svg, number_ticks, series_colour, styled

SIZE, AUROC, UNSEEN, LATENCY = "size", "AUROC", "AUROC on unseen domains", "latency of 150 words"
# What a page defines, defined in the file itself: it is shown where no page is around it.
_THEME = """<style>
svg{--ink:#1e1b16;--quiet:#665f53;--rule:#ddd5c4;--series-0:#2a6a55;--series-1:#ad4527}
@media(prefers-color-scheme:dark){svg{--ink:#f0e9db;--quiet:#a89f8e;--rule:#3a352b;
--series-0:#86c7a9;--series-1:#f0946f}}
</style>"""


@dataclass(frozen=True)
class Model:
    """What the picture shows of one: MB, AUROC where it was trained and elsewhere, ms."""

    name: str
    size: float
    auroc: float
    unseen: float
    latency: float


def models(quality: SuiteResult) -> Iterator[Model]:
    """Those of which everything is known."""
    known = {
        name: {one.subject: one.median for one in quality.find(name)}
        for name in (SIZE, AUROC, UNSEEN, LATENCY)
    }
    for subject, size in known[SIZE].items():
        if all(subject in figures for figures in known.values()):
            yield Model(subject, size, *(known[name][subject] for name in (AUROC, UNSEEN, LATENCY)))


def picture(quality: SuiteResult) -> str | None:
    """An SVG file's text, or None where no model is known."""
    found = sorted(models(quality), key=lambda one: one.size)
    if not found:
        return None
    with styled():
        drawn = Figure(figsize=(7.2, 3.9), layout="constrained")
        axes = drawn.subplots()
        for one in found:
            _draw(axes, one)
        number_ticks(axes, [one.size for one in found], "x")
        axes.set_xlabel("size of the artifact, MB")
        axes.set_ylabel("AUROC")
        axes.margins(x=0.16, y=0.2)
        axes.plot([], [], "o", color=series_colour(0), label="documents like those of its training")
        axes.plot([], [], "D", color=series_colour(1), label="domains that it has never seen")
        drawn.legend(loc="outside lower center", ncols=2)
        svg = as_svg(drawn)
    head, tail = svg.split(">", 1)
    return f"{head}>{_THEME}{tail}"


def _draw(axes: Axes, one: Model) -> None:
    axes.plot([one.size] * 2, [one.unseen, one.auroc], color="#030303", lw=1.4, zorder=1)
    axes.plot(one.size, one.auroc, "o", color=series_colour(0), ms=9)
    axes.plot(one.size, one.unseen, "D", color=series_colour(1), ms=7)
    axes.annotate(
        f"{one.name}\n{one.latency:,.3g} ms",
        (one.size, one.auroc),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=9,
        color="#010101",
    )
