"""Measurements as rows: what both reports show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measurement import Measurement, plain


@dataclass(frozen=True)
class QuantityTable:
    """All measurements of one quantity: their axes' names, then one row each."""

    quantity: str
    unit: str
    axes: tuple[str, ...]
    rows: tuple["Row", ...]


@dataclass(frozen=True)
class Row:
    """`places` are the values along the table's axes; figures are empty where there is none."""

    subject: str
    places: tuple[str, ...]
    median: str
    interval: str
    p95: str
    p99: str
    least: str
    n: int
    told: str


def quantity_tables(measurements: Sequence[Measurement]) -> Iterator[QuantityTable]:
    """One for each quantity and unit, in the order in which they were first measured."""
    for (quantity, unit), group in by_quantity(measurements):
        found = _in_places(group)
        axes = tuple(dict.fromkeys(axis for one in found for axis in one.at))
        yield QuantityTable(quantity, unit, axes, tuple(_row(one, axes) for one in found))


def by_quantity(
    measurements: Sequence[Measurement],
) -> Iterator[tuple[tuple[str, str], tuple[Measurement, ...]]]:
    """Quantity and unit, and what was measured of them, in the order of their first ones."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        groups.setdefault((one.quantity, one.unit), []).append(one)
    for key, found in groups.items():
        yield key, tuple(found)


def figure(value: float | None) -> str:
    """Four digits that count; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _in_places(found: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Each subject's together, along the axes, in whatever order they were measured."""
    subjects = list(dict.fromkeys(one.subject for one in found))

    def place(one: Measurement) -> tuple[object, ...]:
        values = ((isinstance(v, str), v) for v in one.at.values())
        return (subjects.index(one.subject), *values)

    return tuple(sorted(found, key=place))


def _row(one: Measurement, axes: Sequence[str]) -> Row:
    interval = one.interval
    return Row(
        subject=one.subject,
        places=tuple(plain(one.at.get(axis, "")) for axis in axes),
        median=figure(one.median),
        interval=f"{figure(interval.low)} – {figure(interval.high)}" if interval else "",
        p95=figure(one.percentile(95)),
        p99=figure(one.percentile(99)),
        least=figure(one.least) if one.n > 1 else "",
        n=one.n,
        told=one.told,
    )
