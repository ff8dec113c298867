"""How long a request may take, and that its caller still wants the answer."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import Request

from runtime_server.errors import DeadlineExceededError, InvalidRequestError, ServerError
from runtime_server.expiry import Expiry
from runtime_server.metrics import Metrics

HEADER: Final = "X-Request-Timeout-Ms"

T = TypeVar("T")


class CallerGoneError(ServerError):
    """The caller has hung up: nobody reads this answer; 499 is what nginx logs for it."""

    status, code, title = 499, "caller_gone", "The caller has hung up"


@dataclass(frozen=True)
class Deadline:
    """One total deadline: whatever a request has to wait for is inside it."""

    longest_ms: int
    metrics: Metrics

    def expiry(self, request: Request, most_ms: int | None = None) -> Expiry:
        """When the request's time is up, counted from now.

        `most_ms` is a limit that the caller has stated in another way than by the header.

        Raises:
            InvalidRequestError: the header is not a positive number of milliseconds.
        """
        given = request.headers.get(HEADER)
        stated = (most_ms, None if given is None else _number(given))
        milliseconds = min((self.longest_ms, *filter(None, stated)))
        return Expiry.after(milliseconds, callers_own=milliseconds < self.longest_ms)

    async def run(self, request: Request, expiry: Expiry, work: Coroutine[Any, Any, T]) -> T:
        """What `work` gives; it is cancelled when its time is up, and when the caller hangs up.

        Raises:
            DeadlineExceededError, CallerGoneError.
        """
        task = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait(
                (task, gone),
                timeout=expiry.at - asyncio.get_running_loop().time(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if task.done():
                return task.result()
            if gone.done():
                self.metrics.rejected("caller_gone")
                raise CallerGoneError("the caller has hung up")
            self.metrics.rejected("deadline_exceeded")
            raise DeadlineExceededError.after(expiry.milliseconds)
        finally:
            for one in (task, gone):
                one.cancel()
            with suppress(asyncio.CancelledError):
                await gone


def _number(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or int(given[:10]) == 0:
        raise InvalidRequestError(f"{HEADER}: a whole number of milliseconds, 1 or more")
    return int(given[:10])


async def _gone(request: Request) -> None:
    """Ends when the caller hangs up; the body has been read by now."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
