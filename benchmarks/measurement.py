"""What a suite finds out: measurements, verdicts, what is missing; and how they are kept."""

import statistics
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.bar import Verdict
from benchmarks.environment import Environment

RESAMPLES = 2000
SHARE = 0.95
# Of a million samples a report keeps what its figures need.
MOST_VALUES = 400


class _Value(BaseModel):
    # NaN has no JSON; a figure that could not be formed is kept as such.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Better(StrEnum):
    """Which way is good."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


class Interval(_Value):
    """Of a median, from a bootstrap."""

    low: float
    high: float


class Measurement(_Value):
    """One quantity of one subject, measured one or more times.

    `subject` is what is measured ("minilm-small, Chromium"), `at` where along the axes of a plot
    ({"tokens": 128}); subject, quantity and `at` name it within its suite. `values` are in `unit`:
    ms, s, CPU-ms, /s, bytes, MB (10^6 bytes), x (a ratio), $, or none.
    """

    subject: str
    quantity: str
    unit: str = ""
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    at: Mapping[str, float | str] = Field(default_factory=dict)
    better: Better = Better.LOWER
    told: str = ""

    @property
    def name(self) -> str:
        """As in `minilm-small, Chromium: warm latency, tokens 128`."""
        places = ", ".join(f"{axis} {plain(value)}" for axis, value in self.at.items())
        return f"{self.subject}: {self.quantity}{places and f', {places}'}"

    @property
    def n(self) -> int:
        """How many times."""
        return len(self.values)

    @property
    def least(self) -> float:
        """The smallest value."""
        return min(self.values)

    @cached_property
    def median(self) -> float:
        """Of the values."""
        return statistics.median(self.values)

    def percentile(self, percent: float) -> float | None:
        """None where there are too few values for one to lie beyond it."""
        if self.n * (100 - percent) < 100:
            return None
        return float(np.percentile(self.values, percent))

    @cached_property
    def interval(self) -> Interval | None:
        """Where the median lies with 95% (percentile bootstrap, Efron 1979); None of few values."""
        if self.n < 5:
            return None
        low, high = np.quantile(resampled_medians(self.values, 0), tails())
        return Interval(low=float(low), high=float(high))


class Missing(_Value):
    """Something that was asked for and could not be measured here, and why."""

    subject: str
    why: str


# What a suite yields, one at a time, as soon as it is known.
Finding = Measurement | Verdict | Missing


class SuiteResult(_Value):
    """What one suite found. `load` is the machine's before and after (processes per minute)."""

    suite: str
    title: str
    began: str
    seconds: float
    load: tuple[float, float]
    commit: str
    measurements: tuple[Measurement, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    missing: tuple[Missing, ...] = ()
    interrupted: bool = False

    def find(self, quantity: str) -> tuple[Measurement, ...]:
        """Those of this quantity, in the order in which they were measured."""
        return tuple(one for one in self.measurements if one.quantity == quantity)


class Results(_Value):
    """Of one or more suites in one environment."""

    schema_version: int = 1
    environment: Environment
    suites: tuple[SuiteResult, ...] = ()

    def suite(self, name: str) -> SuiteResult | None:
        """The result of this suite."""
        return next((one for one in self.suites if one.suite == name), None)

    def with_suite(self, result: SuiteResult) -> "Results":
        """The same with this result, in the place of an earlier one of the same suite."""
        others = tuple(one for one in self.suites if one.suite != result.suite)
        return self.model_copy(update={"suites": (*others, result)})


def resampled_medians(values: tuple[float, ...], seed: int) -> np.ndarray:
    """float64[RESAMPLES]: medians of draws with replacement."""
    generator = np.random.default_rng(seed)
    drawn = generator.choice(np.asarray(values), (RESAMPLES, len(values)))
    return np.asarray(np.median(drawn, axis=1))


def tails() -> tuple[float, float]:
    """The quantiles between which SHARE lies."""
    return (1 - SHARE) / 2, (1 + SHARE) / 2


def thinned(values: list[float]) -> tuple[float, ...]:
    """At most MOST_VALUES of them, evenly from the sorted ones, the extremes among them."""
    if len(values) <= MOST_VALUES:
        return tuple(values)
    ordered = sorted(values)
    places = np.linspace(0, len(ordered) - 1, MOST_VALUES).round().astype(int)
    return tuple(ordered[place] for place in places)


def plain(value: float | str) -> str:
    """Of an axis: text as it is, a number in full."""
    return value if isinstance(value, str) else f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
