"""Leaves alone for a while what did not answer: not every caller waits, and not each is logged."""

import time
from collections.abc import Callable


class Rest:
    """Over until it begins, and again after so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether it may be asked."""
        return self._clock() >= self._until

    def begin(self) -> None:
        """It did not answer."""
        self._until = self._clock() + self._seconds
