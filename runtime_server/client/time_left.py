"""The caller's patience: one deadline for a question and all attempts at it."""

import math
from dataclasses import dataclass
from time import monotonic
from typing import Final, Self

TIMEOUT_HEADER: Final = "X-Request-Timeout-Ms"
# So that the server's own word that time is up still arrives.
_GRACE_S: Final = 0.5
_LEAST_S: Final = 0.001


@dataclass(frozen=True)
class TimeLeft:
    """`seconds` in all, which end at `ends` of the monotonic clock."""

    seconds: float
    ends: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """From now on. Raises ValueError."""
        if not (seconds > 0 and math.isfinite(seconds)):
            raise ValueError("timeout: seconds, more than 0")
        return cls(seconds, monotonic() + seconds)

    @property
    def wait_s(self) -> float:
        """How long to wait for the connection, and for the next byte."""
        return self._left + _GRACE_S

    @property
    def headers(self) -> dict[str, str]:
        """What the server is told."""
        return {TIMEOUT_HEADER: str(math.ceil(self._left * 1e3))}

    @property
    def _left(self) -> float:
        return max(_LEAST_S, self.ends - monotonic())
