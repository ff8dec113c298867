"""How far the probabilities of a graph are from those of its source, or of another graph."""

from dataclasses import dataclass

import numpy as np

from export.inference import Float64s
from registry.manifest import Drift


@dataclass(frozen=True)
class MeasuredDrift:
    """The distances over the texts, and which text moved most."""

    drift: Drift
    furthest: int


def measure_drift(
    ours: Float64s, theirs: Float64s, threshold: float, their_threshold: float | None = None
) -> MeasuredDrift:
    """Compare float64[N] with float64[N]; `their_threshold` where theirs is another one."""
    difference = np.abs(ours - theirs)
    other = threshold if their_threshold is None else their_threshold
    drift = Drift(
        n=len(difference),
        p50=two_digits(np.quantile(difference, 0.5)),
        p99=two_digits(np.quantile(difference, 0.99)),
        max=two_digits(difference.max()),
        flips=float(np.mean((ours >= threshold) != (theirs >= other))),
    )
    return MeasuredDrift(drift, int(difference.argmax()))


def two_digits(value: np.floating | float) -> float:
    """To two significant digits: differences have no more."""
    return float(f"{value:.1e}")
