"""How often a suite measures: for as long as it may."""

import time
from collections.abc import Callable, Iterator

Clock = Callable[[], float]


def rounds(
    seconds: float, *, least: int = 1, most: int = 1000, clock: Clock = time.monotonic
) -> Iterator[int]:
    """Counts 0, 1, 2, …: another one begins only if one like the longest so far ends in time."""
    began, longest, number = clock(), 0.0, 0
    while number < least or (number < most and clock() - began + longest <= seconds):
        start = clock()
        yield number
        longest = max(longest, clock() - start)
        number += 1
