"""Which failures are worth another attempt, and when; tenacity carries it out."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from runtime_server.client.errors import ApiError, ServerUnreachableError

_BACKOFF: Final = wait_random_exponential(multiplier=0.2, max=5)


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later.

    So it is where the server says when to come again (503 with Retry-After), where it counts
    requests (429), and where the connection broke: to ask twice does no harm here. All other
    answers would be the same again.
    """
    if isinstance(error, ApiError):
        told = error.status == HTTPStatus.SERVICE_UNAVAILABLE and error.retry_after_s is not None
        return told or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(error, ServerUnreachableError) and error.may_pass


@dataclass(frozen=True)
class Retries:
    """At most `attempts`; none that would begin later than the caller's patience lasts."""

    attempts: int

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("attempts: 1 or more")

    def within(self, seconds: float | None) -> Retrying:
        """Calls a function until it succeeds, and raises its last error."""
        return Retrying(
            stop=self._stop(seconds),
            wait=_wait_s,
            retry=retry_if_exception(may_pass),
            reraise=True,
        )

    def async_within(self, seconds: float | None) -> AsyncRetrying:
        """The same for a coroutine function."""
        return AsyncRetrying(
            stop=self._stop(seconds),
            wait=_wait_s,
            retry=retry_if_exception(may_pass),
            reraise=True,
        )

    def _stop(self, seconds: float | None) -> stop_base:
        late = stop_never if seconds is None else stop_before_delay(seconds)
        return stop_after_attempt(self.attempts) | late


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    said = error.retry_after_s if isinstance(error, ApiError) else None
    return _BACKOFF(state) if said is None else said
