"""Growth as a power: time = a size^exponent, by least squares of the logarithms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from benchmarks.bar import Bar, Verdict
from benchmarks.measurement import Measurement

FEWEST: Final = 3
INTERVAL: Final = 0.95
# Linear, and what measuring makes of it.
LINEAR: Final = 1.1


@dataclass(frozen=True)
class Growth:
    """`half_width` is of the exponent's 95% interval; `residual` the typical error of the fit.

    `residual` is a ratio: 0.1 where points lie 10% beside the line.
    """

    exponent: float
    half_width: float
    residual: float
    points: int
    least: float
    most: float

    @property
    def told(self) -> str:
        """How far it can be believed."""
        low, high = self.exponent - self.half_width, self.exponent + self.half_width
        return (
            f"95% interval {low:.2f} to {high:.2f}, residual {self.residual:.0%}, "
            f"{self.points} sizes from {self.least:,g} to {self.most:,g}"
        )


def growth(sizes: Sequence[float], amounts: Sequence[float]) -> Growth | None:
    """None of fewer than three sizes."""
    if len(sizes) < FEWEST:
        return None
    x, y = np.log(np.asarray(sizes)), np.log(np.asarray(amounts))
    fitted = stats.linregress(x, y)
    free = len(sizes) - 2
    residuals = y - fitted.slope * x - fitted.intercept
    return Growth(
        exponent=float(fitted.slope),
        half_width=float(stats.t.ppf((1 + INTERVAL) / 2, free) * fitted.stderr),
        residual=math.expm1(float(np.sqrt(np.mean(residuals**2)))),
        points=len(sizes),
        least=min(sizes),
        most=max(sizes),
    )


def exponent_of(what: str, subject: str, growth: Growth) -> Measurement:
    """As a finding; `what` as in `time against words`."""
    quantity = f"exponent of {what}"
    return Measurement(
        subject=subject, quantity=quantity, values=(growth.exponent,), told=growth.told
    )


def linear_verdict(name: str, what: str, subject: str, growth: Growth | None) -> Verdict:
    """Whether it grows at most linearly."""
    bar = Bar(f"{name} {subject}", f"exponent of {what}: at most linear", LINEAR)
    if growth is None:
        return bar.missing(f"fewer than {FEWEST} sizes were measured")
    return bar.judge([growth.exponent], growth.told)
