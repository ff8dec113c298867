"""The outcome of one thing that is verified of an artifact."""

from collections.abc import Sequence

import numpy as np

from export.inference import Float64s, PreparedText
from registry.manifest import Frozen


class Check(Frozen):
    """What was measured, what the scheme allows, and what the manifest says.

    `passed` is null where the check cannot be made here; `detail` then says why, and where it
    failed, by which text and which number.
    """

    name: str
    passed: bool | None
    measured: float | None = None
    allowed: float | None = None
    recorded: float | None = None
    detail: str = ""


def compare(
    name: str,
    actual: Float64s,
    expected: Float64s,
    texts: Sequence[PreparedText],
    *,
    allowed: float,
    recorded: float | None,
) -> Check:
    """Whether float64[N] is close to float64[N] everywhere; if not, says the worst text."""
    difference = np.abs(actual - expected)
    worst = int(difference.argmax())
    passed = bool(difference[worst] <= allowed)
    detail = (
        f"text {worst} ({texts[worst].text[:40]!r}): {actual[worst]:.7f} instead of "
        f"{expected[worst]:.7f}; the tolerance is {allowed:.1e}"
    )
    return Check(
        name=name,
        passed=passed,
        measured=float(difference[worst]),
        allowed=allowed,
        recorded=recorded,
        detail="" if passed else detail,
    )
