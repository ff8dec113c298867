"""How long the router waits for the engine that it has just asked: for engines that plan by it."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Attempt:
    """Ends at `until`, a time of the event loop; `is_last` where no other backend would follow."""

    until: float = math.inf
    is_last: bool = True

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.until - asyncio.get_running_loop().time())


UNLIMITED: Final = Attempt()
_CURRENT: Final[ContextVar[Attempt]] = ContextVar("attempt", default=UNLIMITED)


def current_attempt() -> Attempt:
    """That this call of an engine is part of."""
    return _CURRENT.get()


@contextmanager
def attempt(until: float, within_s: float | None) -> Iterator[None]:
    """Inside, the current attempt: `within_s` from now, where that is earlier than `until`."""
    ends = math.inf if within_s is None else asyncio.get_running_loop().time() + within_s
    token = _CURRENT.set(Attempt(min(until, ends), is_last=within_s is None))
    try:
        yield
    finally:
        _CURRENT.reset(token)
