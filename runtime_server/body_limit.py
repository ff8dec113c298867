"""Refuses a request body that is too large, with or without a Content-Length, or too slow."""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime_server.deadline import CallerGoneError
from runtime_server.errors import BodyTooLargeError, RequestTooSlowError, ServerError
from runtime_server.problems import problem_response

# A caller that is still sending reads the answer later, if the connection lasts until then.
LINGER_S: Final = 1.0


class BodyLimit:
    """ASGI middleware. Reads the body, counting; the application sees it whole or not at all."""

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 or 408, or call the application."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self._app(scope, receive, send)
        try:
            messages = await self._read_in_time(scope, receive)
        except ServerError as exc:
            return await _refuse(exc, scope, receive, send)
        return await self._app(scope, _replayed(messages, receive), send)

    async def _read_in_time(self, scope: Scope, receive: Receive) -> list[Message]:
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise self._too_large
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._read(receive)
        except TimeoutError:
            raise RequestTooSlowError(
                f"the body took longer than {self._timeout_s:g} s to come"
            ) from None

    async def _read(self, receive: Receive) -> list[Message]:
        messages: list[Message] = []
        n_bytes = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise CallerGoneError("the caller has hung up within the body")
            messages.append(message)
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._max_bytes:
                raise self._too_large
            more = message.get("more_body", False)
        return messages

    @property
    def _too_large(self) -> BodyTooLargeError:
        return BodyTooLargeError(
            f"the body has more than {self._max_bytes} bytes", limit=self._max_bytes
        )


async def _refuse(error: ServerError, scope: Scope, receive: Receive, send: Send) -> None:
    # What is left of the body is not looked at, so the connection cannot be used again.
    response = problem_response(error, scope["path"], {"Connection": "close"})

    async def send_and_linger(message: Message) -> None:
        if message["type"] == "http.response.start":
            return await send(message)
        await send({**message, "more_body": True})
        await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    await response(scope, receive, send_and_linger)


async def _discard(receive: Receive) -> None:
    """Read what still comes. To close before would make TCP drop the answer on its way."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while (await receive()).get("more_body", False):
                pass


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    rest = iter(messages)

    async def replay() -> Message:
        message = next(rest, None)
        return await receive() if message is None else message

    return replay
