"""When a request's time is up, and whose doing that is."""

import asyncio
import math
from dataclasses import dataclass
from typing import Final, Self

# A timer may go off that much early: those of uvloop count whole milliseconds.
_TICK_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Expiry:
    """`at` is a time of the event loop, in seconds, `milliseconds` after the request came.

    `callers_own` where the caller asked for less than the server would have given.
    """

    at: float
    milliseconds: int
    callers_own: bool

    @classmethod
    def after(cls, milliseconds: int, *, callers_own: bool) -> Self:
        """So long from now."""
        at = asyncio.get_running_loop().time() + milliseconds / 1e3
        return cls(at, milliseconds, callers_own)

    @property
    def of_a_part(self) -> "Expiry":
        """For the next part of an answer that is streamed.

        A caller's own limit is for the whole; the server's is for how long a part may take, as
        nobody knows how long all of them will.
        """
        return self if self.callers_own else Expiry.after(self.milliseconds, callers_own=False)

    @property
    def blames_backend(self) -> bool:
        """True once the whole time of the server's own has passed: a backend did not answer."""
        return not self.callers_own and asyncio.get_running_loop().time() >= self.at - _TICK_S


NEVER: Final = Expiry(math.inf, 0, callers_own=True)
