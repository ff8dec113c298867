"""Where each artifact lies in the plot of size against drift; both axes are logarithmic."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from export.report.rows import ReportRow

# Below this two frameworks sum floats in another order; no scheme is told apart there.
FLOOR = 1e-6
# Per cent of the plot's height, and of its width on a phone, that a number covers.
APART = 9.0


@dataclass(frozen=True)
class Tick:
    """A line of the grid: its value, and its place in per cent from the left or from the top."""

    value: float
    place: float


@dataclass(frozen=True)
class Point:
    """An artifact: its number in the list, and its place in per cent from the left and the top.

    `label_y` is where its number stands, off the place of another artifact's.
    """

    number: int
    row: ReportRow
    x: float
    y: float
    label_y: float


@dataclass(frozen=True)
class Plot:
    """Points, and the grid of powers of ten."""

    points: tuple[Point, ...]
    sizes: tuple[Tick, ...]
    drifts: tuple[Tick, ...]


def plot(rows: Sequence[ReportRow]) -> Plot | None:
    """Of the artifacts whose drift was measured; None where there is none."""
    measured = [
        (number, row, max(row.drift.p99, FLOOR)) for number, row in enumerate(rows, 1) if row.drift
    ]
    if not measured:
        return None
    sizes = _decades([row.size_bytes for _, row, _ in measured])
    drifts = _decades([FLOOR, *(drift for *_, drift in measured)])
    points: list[Point] = []
    for number, row, drift in measured:
        x, y = _place(row.size_bytes, sizes), 100 - _place(drift, drifts)
        points.append(Point(number, row, x, y, _free_y(x, y, points)))
    return Plot(
        points=tuple(points),
        sizes=tuple(Tick(10.0**power, _place(10.0**power, sizes)) for power in sizes),
        drifts=tuple(Tick(10.0**power, 100 - _place(10.0**power, drifts)) for power in drifts),
    )


def _free_y(x: float, y: float, others: Sequence[Point]) -> float:
    """The first place upwards that no other number covers."""
    near = [point.label_y for point in others if abs(point.x - x) < APART]
    while any(abs(label_y - y) < APART for label_y in near):
        y -= APART / 2
    return y


def _decades(values: Sequence[float]) -> range:
    first, last = floor(log10(min(values))), ceil(log10(max(values)))
    return range(first, max(last, first + 1) + 1)


def _place(value: float, decades: range) -> float:
    return 100 * (log10(value) - decades[0]) / (decades[-1] - decades[0])
