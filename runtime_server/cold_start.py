"""Is a container up, how long will one take, and who wakes it: for each model."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from runtime_server.errors import EngineError

# Starts vary with the machine that Modal finds: it is the slow ones that break deadlines.
REMEMBERED: Final = 5
# After a start that failed: as many as callers would be paid for, and fail in the same way.
REST_S: Final = 30.0


@dataclass
class ColdStart:
    """What is known of the containers of one model.

    `idle_s` is how long one stays up without work; `first_guess_s` is expected until a start has
    been seen.
    """

    idle_s: float
    first_guess_s: float
    clock: Callable[[], float] = time.monotonic
    _seen: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _up_until: float = float("-inf")
    _began: float = float("inf")
    _waking: asyncio.Task[None] | None = None
    _failed: EngineError | None = None
    _failed_at: float = float("-inf")

    @property
    def warm(self) -> bool:
        """Whether a container is thought to be up."""
        return self.clock() < self._up_until

    @property
    def waking(self) -> bool:
        """Whether a start is under way."""
        return self._waking is not None

    @property
    def expected_s(self) -> float:
        """How long a start takes: the slowest of the last ones."""
        return max(self._seen, default=self.first_guess_s)

    @property
    def remaining_s(self) -> float:
        """Until a container is up, if it is as it was: 0 where one is."""
        if self.warm:
            return 0.0
        return max(0.0, self.expected_s - self._elapsed_s)

    def answered(self) -> None:
        """A container has just answered: it stays for a while."""
        self._up_until = self.clock() + self.idle_s

    def counted(self, containers: int) -> None:
        """Modal has said how many there are."""
        if containers == 0 and not self.waking:
            self._up_until = float("-inf")
        elif containers and not self.warm and not self.waking:
            self.answered()

    def gone(self) -> None:
        """A container was lost: whether there is another one is not known."""
        self._up_until = float("-inf")

    def started(self, seconds: float) -> None:
        """A start was seen, which took so long."""
        self._seen.append(seconds)

    def failed(self, error: EngineError) -> None:
        """A start was paid for, and came to nothing."""
        self._failed, self._failed_at = error, self.clock()

    def require_hope(self) -> None:
        """Raises EngineError: what the last start failed with, unless that was a while ago."""
        if self._failed is not None and self.clock() - self._failed_at < REST_S:
            raise EngineError(self._failed.reason, self._failed.detail)

    def wake(self, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
        """The one start that is under way, begun with `work` where there is none.

        Callers wait for it shielded: it goes on without them, so that the next one finds it done.
        """
        if self._waking is None:
            self._began = self.clock()
            self._waking = asyncio.ensure_future(work())
            self._waking.add_done_callback(self._woken)
        return self._waking

    async def close(self) -> None:
        """Wait for nothing any longer."""
        if self._waking is not None:
            self._waking.cancel()
            await asyncio.wait([self._waking])

    @property
    def _elapsed_s(self) -> float:
        return max(0.0, self.clock() - self._began)

    def _woken(self, task: "asyncio.Task[None]") -> None:
        self._waking, self._began = None, float("inf")
        if not task.cancelled() and task.exception() is None:
            self._failed = None
            self.answered()
