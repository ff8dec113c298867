"""What is promised, and whether a measurement keeps it."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How a bar came out."""

    MET = "met"
    NOT_MET = "not met"
    MISSING = "missing"


# On a terminal.
COLOURS = {State.MET: "green", State.NOT_MET: "red", State.MISSING: "yellow"}


@dataclass(frozen=True)
class Bar:
    """A promise about one number: at most `limit`, or at least where `at_least` is set."""

    name: str
    claim: str
    limit: float
    unit: str = ""
    at_least: bool = False

    def judge(self, values: Sequence[float], told: str = "") -> "Verdict":
        """The verdict on measurements of the same thing; their median decides."""
        return Verdict(self, tuple(values), told)

    def missing(self, why: str) -> "Verdict":
        """The verdict on what could not be measured."""
        return Verdict(self, (), why)

    @property
    def wanted(self) -> str:
        """As the report shows it."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}{self.unit and f' {self.unit}'}"


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured; `told` is what one must know to read it."""

    bar: Bar
    values: tuple[float, ...]
    told: str

    @property
    def median(self) -> float:
        """Of the values. Raises StatisticsError where nothing was measured."""
        return statistics.median(self.values)

    @property
    def state(self) -> State:
        """Decided by the median; NaN meets nothing."""
        if not self.values:
            return State.MISSING
        value, limit = self.median, self.bar.limit
        kept = value >= limit if self.bar.at_least else value <= limit
        return State.MET if kept else State.NOT_MET

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        shown = {**asdict(self.bar), "state": self.state.value, "told": self.told}
        if not self.values:
            return shown
        spread = {"min": min(self.values), "median": self.median, "max": max(self.values)}
        return {**shown, "values": self.values, **spread}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Round by round, so that what slows the machine for a while slows both."""
    return tuple(own / other for own, other in zip(ours, theirs, strict=True))
