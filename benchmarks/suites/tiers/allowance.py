"""How long something may take, and how often it is repeated in that time."""

from time import perf_counter
from typing import Final, Self

MOST_PARTS: Final = 5
TEXTS_IN_PART: Final = 4


class Allowance:
    """Seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self.whole_s = seconds
        self._until = perf_counter() + seconds

    @property
    def left_s(self) -> float:
        """Seconds; 0 once they are over."""
        return max(0.0, self._until - perf_counter())

    def part(self, share: float) -> Self:
        """So much of what is left."""
        return type(self)(self.left_s * share)


def parts_of(texts: int, callers: int) -> int:
    """How many rates a run of so many texts gives: each caller has some of them in each part."""
    return max(1, min(MOST_PARTS, texts // (callers * TEXTS_IN_PART)))


def repetitions(one_s: float, within_s: float, most: int) -> int:
    """As many as fit, at most `most`; 0 where not even one does."""
    if one_s <= 0:
        return most
    return max(0, min(most, int(within_s / one_s)))
