"""What Modal has said of a model's containers: asked in the background, told without waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from runtime_server.engine import Availability
from runtime_server.errors import EngineError
from runtime_server.modal_remote import Pool

# So old may an answer be before Modal is asked again, by the next who wants to know.
FRESH_S: Final = 10.0
# Nobody waits for it longer.
WITHIN_S: Final = 5.0
# What calls would only find out again. Whether Modal can be reached is for the breaker to decide.
_CERTAIN: Final = frozenset({"not_deployed", "not_published", "unauthorized"})


class PoolHealth:
    """Of one model. Asks only while somebody wants to know: an idle server makes no calls."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Pool]],
        told: Callable[[Pool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`told` hears each answer."""
        self._ask = ask
        self._told = told
        self._clock = clock
        self._asked = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._failed: EngineError | None = None
        self._known = False

    @property
    def availability(self) -> Availability:
        """What is certain to stand in the way; nothing while nothing is known."""
        if self._failed is None or not self._is_certain:
            return Availability()
        return Availability(self._failed.reason, self._failed.detail)

    @property
    def _is_certain(self) -> bool:
        return self._failed is not None and self._failed.reason in _CERTAIN

    @property
    def _is_fresh(self) -> bool:
        return self._clock() - self._asked < FRESH_S

    def refresh(self) -> None:
        """Ask again, if the answer is old, and if there is an event loop to do it in."""
        if self._asking is None and self._clock() - self._asked >= FRESH_S:
            with suppress(RuntimeError):
                asyncio.get_running_loop()
                self._asking = asyncio.ensure_future(self._refreshed())

    async def require(self, within_s: float) -> None:
        """Wait for the first answer, not longer than it may take. Raises EngineError.

        What is certain is raised as long as it is known, and anything else while it is fresh: who
        cannot be asked for the number of containers cannot be asked for an answer either.
        """
        self.refresh()
        if not self._known and self._asking is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await asyncio.shield(self._asking)
        if self._failed is not None and (self._is_certain or self._is_fresh):
            raise EngineError(self._failed.reason, self._failed.detail)

    def failed(self, error: EngineError) -> None:
        """A call has found this out: remembered where it is certain to be so for the next one."""
        if error.reason in _CERTAIN:
            self._failed, self._known, self._asked = error, True, self._clock()

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _refreshed(self) -> None:
        try:
            pool = await self._ask()
        except EngineError as exc:
            self._failed = exc
        else:
            self._failed = None
            self._told(pool)
        finally:
            self._known, self._asked, self._asking = True, self._clock(), None
