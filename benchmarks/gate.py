"""What no change may make worse unnoticed: sizes, quality, and work that can be counted.

The figures and their floors are in `gate.toml`; tests compare them. Times are not among them.
"""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).with_suffix(".toml")


class Floor(BaseModel):
    """`was` is the figure when somebody last accepted it; one bound says what it may be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    was: float
    at_most: float | None = None
    at_least: float | None = None
    why: Annotated[str, Field(min_length=10)]

    @model_validator(mode="after")
    def _one_bound_that_holds(self) -> "Floor":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a floor has either at_most or at_least")
        if not self.holds(self.was):
            raise ValueError(f"what it was ({_shown(self.was)}) is beyond its own {self.bound}")
        return self

    @property
    def bound(self) -> str:
        """As in `at_most 1,000`."""
        name = "at_least" if self.at_most is None else "at_most"
        return f"{name} {_shown(getattr(self, name))}"

    def holds(self, now: float) -> bool:
        """Whether the figure may be this; NaN may not."""
        if self.at_most is not None:
            return now <= self.at_most
        return self.at_least is not None and now >= self.at_least

    def objection(self, name: str, now: float) -> str | None:
        """Which figure moved, from what to what, and how to accept it; None where it holds."""
        if self.holds(now):
            return None
        return (
            f"{name} moved from {_shown(self.was)} to {_shown(now)}; accepted is {self.bound}: "
            f"{self.why}\nIf that is meant, write `was = {now:g}` and a bound for it under "
            f"[{name}] in benchmarks/gate.toml, and why."
        )


def read_floors(path: Path = FILE) -> dict[str, Floor]:
    """By name, as in `lexical-tiny.size_bytes`. Raises ValidationError."""
    groups = tomllib.loads(path.read_text("utf-8"))
    return {
        f"{group}.{name}": Floor.model_validate(floor)
        for group, floors in groups.items()
        for name, floor in floors.items()
    }


def _shown(value: float) -> str:
    return f"{value:,.10g}"
