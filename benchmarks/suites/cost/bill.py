"""What a month costs: on machines, on Modal, in browsers. Pure arithmetic; seconds and dollars."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SECONDS_PER_HOUR: Final = 3600.0
MILLION: Final = 1e6
# More texts than anybody has: where the search for a break-even ends.
MOST_TEXTS: Final = 10**12
Bill = Callable[[float], float]


@dataclass(frozen=True)
class Machine:
    """By the month, used up to a share of what it can do."""

    per_s: float
    usd_per_month: float
    utilisation: float
    month_s: float

    @property
    def most_texts(self) -> float:
        """Of one machine in a month."""
        return self.per_s * self.utilisation * self.month_s

    def bill(self, texts: float) -> float:
        """As many machines as it takes, at least one."""
        return max(1, math.ceil(texts / self.most_texts)) * self.usd_per_month

    @property
    def usd_per_million(self) -> float:
        """Where it has as much to do as it may have."""
        return self.usd_per_month / self.most_texts * MILLION


@dataclass(frozen=True)
class Containers:
    """By the second that one is up: work, its start, and `idle_s` after the last text."""

    per_s: float
    usd_per_hour: float
    start_s: float
    idle_s: float
    month_s: float

    @property
    def usd_per_million(self) -> float:
        """Where one is never idle."""
        return MILLION / self.per_s * self._usd_per_s

    def spread(self, texts: float) -> float:
        """Texts come one by one at random moments of the month (a Poisson process).

        One is up until nothing has come for `idle_s`; with more to do than it can, more are.
        """
        rate, stays_s = texts / self.month_s, self.idle_s + 1 / self.per_s
        up_s = self.month_s * -math.expm1(-rate * stays_s)
        starts = texts * math.exp(-rate * stays_s)
        return (max(up_s, texts / self.per_s) + starts * self.start_s) * self._usd_per_s

    def at_once(self, texts: float) -> float:
        """All of them in one go, once a month, in one container."""
        return (texts / self.per_s + self.start_s + self.idle_s) * self._usd_per_s

    @property
    def _usd_per_s(self) -> float:
        return self.usd_per_hour / SECONDS_PER_HOUR


@dataclass(frozen=True)
class Visitors:
    """Who download once and compute by themselves."""

    download_bytes: float
    usd_per_gb: float
    texts_each: float

    def bill(self, texts: float) -> float:
        """Of the downloads."""
        return texts / self.texts_each * self.download_bytes / 1e9 * self.usd_per_gb

    @property
    def usd_per_million(self) -> float:
        """Grows with the texts."""
        return self.bill(MILLION)


def break_even(fixed: float, growing: Bill) -> int | None:
    """Texts a month from which on a fixed bill is no larger; None where it always is.

    `growing` never falls.
    """
    if growing(MOST_TEXTS) < fixed:
        return None
    return bisect_left(range(MOST_TEXTS), fixed, key=growing)
