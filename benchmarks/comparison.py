"""Two results side by side: what changed, and what noise would explain."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from benchmarks.measurement import Better, Interval, Measurement, Results, resampled_medians, tails

# A change smaller than this is none, however sure.
LEAST_CHANGE = 0.02
FEWEST = 5


class OtherEnvironmentError(Exception):
    """The results come from environments that are not the same; its lines say how."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


class Change(StrEnum):
    """What became of a measurement."""

    BETTER = "better"
    WORSE = "worse"
    OTHER = "other"
    NOT_SIGNIFICANT = "not significant"
    TOO_FEW = "too few values to say"


@dataclass(frozen=True)
class Compared:
    """One measurement in both results; `ratio` is the second's median over the first's."""

    suite: str
    before: Measurement
    after: Measurement
    ratio: float
    interval: Interval | None

    @property
    def change(self) -> Change:
        """Decided by the interval of the ratio, which is 95%."""
        if self.before.values == self.after.values:
            return Change.NOT_SIGNIFICANT
        if self.interval is None:
            return Change.TOO_FEW
        if self.interval.low <= 1 <= self.interval.high or abs(self.ratio - 1) < LEAST_CHANGE:
            return Change.NOT_SIGNIFICANT
        if self.after.better is Better.NEITHER:
            return Change.OTHER
        lower = self.ratio < 1
        return Change.BETTER if lower == (self.after.better is Better.LOWER) else Change.WORSE


@dataclass(frozen=True)
class Comparison:
    """`only_before` and `only_after` are names of what the other result lacks."""

    compared: tuple[Compared, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def compare(before: Results, after: Results, *, force: bool = False) -> Comparison:
    """Measurements of the same name in the same suite.

    Raises:
        OtherEnvironmentError: unless `force`, where machine, versions or artifacts differ.
    """
    differences = before.environment.differences(after.environment)
    if differences and not force:
        raise OtherEnvironmentError(differences)
    first, second = dict(_named(before)), dict(_named(after))
    return Comparison(
        compared=tuple(
            _compared(key[0], first[key], second[key]) for key in first if key in second
        ),
        only_before=tuple(": ".join(key) for key in first if key not in second),
        only_after=tuple(": ".join(key) for key in second if key not in first),
    )


def _named(results: Results) -> Iterator[tuple[tuple[str, str], Measurement]]:
    for suite in results.suites:
        for one in suite.measurements:
            yield (suite.suite, one.name), one


def _compared(suite: str, before: Measurement, after: Measurement) -> Compared:
    ratio = after.median / before.median if before.median else float("nan")
    return Compared(suite, before, after, ratio, _interval(before, after))


def _interval(before: Measurement, after: Measurement) -> Interval | None:
    """Of the ratio of medians: both are resampled, independently of each other."""
    if min(before.n, after.n) < FEWEST or not before.least > 0:
        return None
    ratios = resampled_medians(after.values, 1) / resampled_medians(before.values, 0)
    low, high = np.quantile(ratios, tails())
    return Interval(low=float(low), high=float(high))
