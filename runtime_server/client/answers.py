"""What comes back: a value of the type that was asked for, or one of our errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from runtime_server.client.errors import UNEXPECTED_ANSWER, ApiError, ServerUnreachableError
from runtime_server.problem import Problem

REQUEST_ID: Final = "X-Request-Id"

T = TypeVar("T", bound=BaseModel)


@contextmanager
def reaching(url: str, seconds: float) -> Iterator[None]:
    """Raises ServerUnreachableError for whatever httpx raises; `seconds` is what a timeout says."""
    try:
        yield
    except httpx.TimeoutException as exc:
        reason = f"no answer within {seconds:g} s"
        raise ServerUnreachableError(url, reason, may_pass=False) from exc
    except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
        raise ServerUnreachableError(url, _reason(exc), may_pass=True) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServerUnreachableError(url, _reason(exc), may_pass=False) from exc


def checked(response: httpx.Response) -> httpx.Response:
    """The response where it is a success; its body must have been read where not.

    Raises:
        ApiError: it is none.
    """
    if response.is_success:
        return response
    problem = _problem(response)
    raise ApiError(
        response.status_code,
        problem.code if problem else f"http_{response.status_code}",
        problem.detail if problem else f"{response.status_code} {response.reason_phrase}",
        problem=problem,
        request_id=response.headers.get(REQUEST_ID),
        retry_after_s=_retry_after_s(response),
    )


def parsed(response: httpx.Response, content: str | bytes, answer: type[T]) -> T:
    """`content`, which is the body or a line of it. Raises ApiError where it is no `answer`."""
    try:
        return answer.model_validate_json(content)
    except ValidationError as exc:
        where = ".".join(map(str, exc.errors()[0]["loc"])) or "the whole"
        # Without the cause, which quotes what was read.
        raise ApiError(
            response.status_code,
            UNEXPECTED_ANSWER,
            f"the answer is no {answer.__name__} ({where})",
            request_id=response.headers.get(REQUEST_ID),
        ) from None


def _problem(response: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def _retry_after_s(response: httpx.Response) -> float | None:
    """RFC 9110, 10.2.3: whole seconds, or a date."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said)
    try:
        date = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")
