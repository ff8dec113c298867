"""How long a request may take, and that its caller still wants the answer."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import Request

from runtime_server.errors import DeadlineExceededError, InvalidRequestError, ServerError
from runtime_server.expiry import Expiry
from runtime_server.metrics import Metrics

HEADER: Final = "X-Request-Timeout-Ms"
WATCHED_AFTER_S: Final = 0.02

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
        try:
            async with asyncio.timeout_at(expiry.at):
                with _watched(request):
                    return await work
        except TimeoutError:
            self.metrics.rejected("deadline_exceeded")
            raise DeadlineExceededError.after(expiry.milliseconds) from None
        except CallerGoneError:
            self.metrics.rejected("caller_gone")
            raise


def _number(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or int(given[:10]) == 0:
        raise InvalidRequestError(f"{HEADER}: a whole number of milliseconds, 1 or more")
    return int(given[:10])


@contextmanager
def _watched(request: Request) -> Iterator[None]:
    """Cancels what is inside once the caller hangs up. Raises CallerGoneError."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    watch: asyncio.Task[None] | None = None
    gone = False

    def cancel(_: "asyncio.Task[None]") -> None:
        nonlocal gone
        if task is not None and watch is not None and not watch.cancelled():
            gone = True
            task.cancel()

    def begin() -> None:
        nonlocal watch
        watch = loop.create_task(_hang_up(request))
        watch.add_done_callback(cancel)

    # Most answers are there before it is worth a task.
    waiting = loop.call_later(WATCHED_AFTER_S, begin)
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        if task is not None:
            task.uncancel()
        raise CallerGoneError("the caller has hung up") from None
    finally:
        waiting.cancel()
        if watch is not None:
            watch.remove_done_callback(cancel)
            watch.cancel()


async def _hang_up(request: Request) -> None:
    """Ends when the caller hangs up; the body has been read by now."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
