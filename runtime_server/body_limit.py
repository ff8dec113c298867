"""Refuses a request body that is too large, with or without a Content-Length."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime_server.errors import BodyTooLargeError
from runtime_server.problems import problem_response


class BodyLimit:
    """ASGI middleware. Reads the body, counting; the application sees it whole or not at all."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or call the application."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self._app(scope, receive, send)
        messages = None if self._declares_too_much(scope) else await self._read(receive)
        if messages is None:
            return await self._refuse(scope, receive, send)
        return await self._app(scope, _replayed(messages, receive), send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        return declared.isdigit() and int(declared) > self._max_bytes

    async def _read(self, receive: Receive) -> list[Message] | None:
        messages: list[Message] = []
        n_bytes = 0
        more = True
        while more:
            message = await receive()
            messages.append(message)
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._max_bytes:
                return None
            more = message.get("more_body", False)
        return messages

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = BodyTooLargeError(
            f"the body has more than {self._max_bytes} bytes", limit=self._max_bytes
        )
        # The rest of the body is not read, so the connection cannot be used again.
        response = problem_response(error, scope["path"], {"Connection": "close"})
        await response(scope, receive, send)


def _replayed(messages: list[Message], receive: Receive) -> Receive:
    rest = iter(messages)

    async def replay() -> Message:
        message = next(rest, None)
        return await receive() if message is None else message

    return replay
