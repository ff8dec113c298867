"""A circuit breaker: a backend that keeps failing on a model is left alone for a while.

M. Nygard, Release It! (2007). Closed, it counts; open, it refuses; half-open, one call is let
through to see whether the backend is back.
"""

import enum
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from runtime_server.engine import Availability
from runtime_server.errors import EngineError


class BreakerState(enum.StrEnum):
    """What a breaker lets through: all, one call, nothing."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True)
class BreakerLimits:
    """When it opens: `failure_rate` of the last `window` calls, once there were `least_calls`."""

    window: int = 20
    least_calls: int = 5
    failure_rate: float = 0.5
    open_s: float = 10.0


DEFAULT_LIMITS: Final = BreakerLimits()


class CircuitBreaker:
    """Of one backend and one model. Calls that say nothing of the backend do not count."""

    def __init__(
        self,
        limits: BreakerLimits = DEFAULT_LIMITS,
        told: Callable[[BreakerState], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`told` hears each new state."""
        self._limits = limits
        self._told = told
        self._clock = clock
        self._failed: deque[bool] = deque(maxlen=limits.window)
        self._last_reason = ""
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """As it is now."""
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._rest_s > 0 else BreakerState.HALF_OPEN

    @property
    def availability(self) -> Availability:
        """Whether a call may be tried now."""
        if self.state is BreakerState.OPEN:
            told = f"{sum(self._failed)} of {len(self._failed)} calls failed, the last with "
            rest = f"{self._last_reason}; the next one is let through in {self._rest_s:.0f} s"
            return Availability("breaker_open", told + rest)
        if self.state is BreakerState.HALF_OPEN and self._probing:
            return Availability("breaker_open", "one call is trying whether it works again")
        return Availability()

    @property
    def retry_after_s(self) -> float:
        """Seconds until a call may be tried; 0 where it may be now."""
        return 0.0 if self._opened is None else max(0.0, self._rest_s)

    def call(self) -> "Call":
        """A call, to be made inside `with`. Look at `availability` first."""
        half_open = self.state is BreakerState.HALF_OPEN
        if half_open:
            self._probing = True
            self._told(BreakerState.HALF_OPEN)
        return Call(self, probe=half_open)

    def note(self, *, failed: bool | None, probe: bool, reason: str = "") -> None:
        """How a call ended; None is an end that says nothing of the backend."""
        if probe:
            self._probing = False
        if failed is None:
            return
        if failed:
            self._last_reason = reason
        if probe:
            self._close() if not failed else self._open()
        elif self._opened is None:
            self._failed.append(failed)
            if failed and self._too_many():
                self._open()

    @property
    def _rest_s(self) -> float:
        return (self._opened or 0.0) + self._limits.open_s - self._clock()

    def _too_many(self) -> bool:
        calls = len(self._failed)
        enough = calls >= self._limits.least_calls
        return enough and sum(self._failed) >= self._limits.failure_rate * calls

    def _open(self) -> None:
        self._opened = self._clock()
        self._told(BreakerState.OPEN)

    def _close(self) -> None:
        self._opened = None
        self._failed.clear()
        self._told(BreakerState.CLOSED)


class Call:
    """Notes how it ends: well, by an EngineError that counts, or in a way that says nothing."""

    def __init__(self, breaker: CircuitBreaker, *, probe: bool) -> None:
        self._breaker = breaker
        self._probe = probe
        self._blamed = False

    def blame(self) -> None:
        """The backend is at fault, whatever ends the call: its time was up."""
        self._blamed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        reason = error.reason if isinstance(error, EngineError) else "deadline_exceeded"
        self._breaker.note(failed=self._failed(error), probe=self._probe, reason=reason)

    def _failed(self, error: BaseException | None) -> bool | None:
        if self._blamed:
            return True
        if error is None:
            return False
        return True if isinstance(error, EngineError) and error.counts else None
