"""Plots of a suite's measurements, as SVG that takes its colours from the page around it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.measurement import Measurement, plain
from benchmarks.report.tables import by_quantity, figure

# Drawn in colours that nothing else has, then made variables: the page is light or dark.
_INK, _QUIET, _RULE = "#010101", "#020202", "#030303"
_SERIES = tuple(f"#0400{place:02x}" for place in range(8))
_VARIABLES = {_INK: "--ink", _QUIET: "--quiet", _RULE: "--rule"} | {
    colour: f"--series-{place}" for place, colour in enumerate(_SERIES)
}
_MARKERS = "osD^vPX*"
# The keys of this dictionary have a type of their own there, which nothing exports.
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "samegraph",
    "text.color": _INK,
    "axes.labelcolor": _QUIET,
    "axes.edgecolor": _RULE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _QUIET,
    "ytick.labelcolor": _QUIET,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}
# Beyond this factor between the largest and the smallest an axis is logarithmic.
_WIDE = 12
_MOST_LINES = 8
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Plot:
    """`svg` is an element, to be put into a page that defines the variables."""

    title: str
    svg: str


def plots(measurements: Sequence[Measurement]) -> Iterator[Plot]:
    """A plot of each quantity: lines where it was measured along an axis of numbers, else bars.

    Where all figures are the same there is nothing to see.
    """
    for (quantity, unit), group in by_quantity(measurements):
        found = [one for one in group if one.median == one.median]
        if len({one.median for one in found}) < 2:
            continue
        axis = _numeric_axis(found)
        title = f"{quantity}{unit and f', {unit}'}"
        if axis is None:
            yield Plot(title, _bars(found))
            continue
        for name, part in _legible(found, axis):
            yield Plot(f"{name}{name and ': '}{title}", _lines(part, axis, title))


def as_svg(drawn: Figure) -> str:
    """Without a head, a date or colours of its own."""
    file = StringIO()
    drawn.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # matplotlib leaves the colour of a text out where it is black, so it is none here.
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r"\1", svg, count=1) or svg


def styled() -> AbstractContextManager[None]:
    """In which figures look like the page."""
    return mpl.rc_context(_STYLE)


def series_colour(place: int) -> str:
    """Of the nth series; they repeat."""
    return _SERIES[place % len(_SERIES)]


def series_marker(place: int) -> str:
    """Of the nth series, so that colour alone tells nothing."""
    return _MARKERS[place % len(_MARKERS)]


def number_ticks(axes: Axes, values: Sequence[float], which: str) -> None:
    """A logarithmic axis where the values are far apart; plain numbers either way."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if min(values) > 0 and max(values) / min(values) > _WIDE:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def _numeric_axis(found: Sequence[Measurement]) -> str | None:
    """The first axis along which there are at least two different numbers."""
    for axis in dict.fromkeys(axis for one in found for axis in one.at):
        values = [one.at[axis] for one in found if axis in one.at]
        numbers = {value for value in values if not isinstance(value, str)}
        if len(numbers) > 1 and len(numbers) == len(set(values)):
            return axis
    return None


def _legible(
    found: Sequence[Measurement], axis: str
) -> Iterator[tuple[str, Sequence[Measurement]]]:
    """All lines together, or those of each model by themselves where they are too many."""
    if len({_line_name(one, axis) for one in found if axis in one.at}) <= _MOST_LINES:
        yield "", found
        return
    models = dict.fromkeys(one.subject.partition(",")[0] for one in found)
    for model in models:
        yield model, [one for one in found if one.subject.partition(",")[0] == model]


def _line_name(one: Measurement, axis: str) -> str:
    others = [f"{name} {value}" for name, value in one.at.items() if name != axis]
    return ", ".join([one.subject, *others])


def _lines(found: Sequence[Measurement], axis: str, title: str) -> str:
    on_axis = [one for one in found if axis in one.at]
    names = list(dict.fromkeys(_line_name(one, axis) for one in on_axis))
    rows = (len(names) + 1) // 2
    with styled():
        drawn = Figure(figsize=(6.4, 3.4 + 0.2 * rows), layout="constrained")
        axes = drawn.subplots()
        for place, name in enumerate(names):
            own = [one for one in on_axis if _line_name(one, axis) == name]
            own.sort(key=lambda one: float(one.at[axis]))
            _line(axes, own, axis, name, place)
        number_ticks(axes, [float(one.at[axis]) for one in on_axis], "x")
        number_ticks(axes, [one.median for one in on_axis], "y")
        axes.set_xlabel(axis)
        axes.set_ylabel(title)
        drawn.legend(loc="outside lower left", ncols=2)
        return as_svg(drawn)


def _line(axes: Axes, own: Sequence[Measurement], axis: str, name: str, place: int) -> None:
    across = [float(one.at[axis]) for one in own]
    colour, dashes = series_colour(place), "-" if place < _MOST_LINES else "--"
    axes.plot(
        across,
        [one.median for one in own],
        color=colour,
        marker=series_marker(place),
        linestyle=dashes,
        label=name,
    )
    bounds = [(one.interval.low, one.interval.high) if one.interval else None for one in own]
    known = [(x, bound) for x, bound in zip(across, bounds, strict=True) if bound]
    if known:
        lows, highs = [bound[0] for _, bound in known], [bound[1] for _, bound in known]
        axes.fill_between([x for x, _ in known], lows, highs, color=colour, alpha=0.15, linewidth=0)


def _bars(found: Sequence[Measurement]) -> str:
    with styled():
        names = [_bar_name(one) for one in reversed(found)]
        lines = sum(name.count("\n") + 1 for name in names)
        drawn = Figure(figsize=(6.4, 0.9 + 0.17 * (len(found) + lines)), layout="constrained")
        axes = drawn.subplots()
        subjects = list(dict.fromkeys(one.subject for one in found))
        single = len(subjects) == len(found) or len(subjects) == 1
        number_ticks(axes, [one.median for one in found], "x")
        for place, one in enumerate(reversed(found)):
            _bar(axes, one, place, series_colour(0 if single else subjects.index(one.subject)))
        axes.set_yticks(range(len(found)), names)
        axes.set_ylim(-0.6, len(found) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.14)
        return as_svg(drawn)


def _bar(axes: Axes, one: Measurement, place: int, colour: str) -> None:
    """A point on a logarithmic axis: nothing is zero there, so that no length means anything."""
    if axes.get_xscale() == "log":
        axes.axhline(place, color=_RULE, lw=0.6, zorder=0)
        axes.plot(one.median, place, "o", color=colour, ms=8)
    else:
        axes.barh(place, one.median, color=colour, height=0.62, alpha=0.85)
    if one.interval:
        axes.plot([one.interval.low, one.interval.high], [place] * 2, color=_INK, lw=1.2)
    axes.annotate(
        figure(one.median),
        (max(one.median, one.interval.high if one.interval else one.median), place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=_INK,
    )


def _bar_name(one: Measurement) -> str:
    """In lines, so that the plot has room beside it."""
    whole = ", ".join([one.subject, *(str(value) for value in one.at.values())])
    return fill(whole, _LONGEST_NAME)
