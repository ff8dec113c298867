"""Routes whose body may be coded, and may have tensors behind its JSON document."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import Message

from runtime_server.content_coding import decoded
from runtime_server.json_body import JsonRequest
from runtime_server.tensor_body import HEADER, TensorBody

Handle = Callable[[Request], Coroutine[Any, Any, Response]]


def tensor_route(most_bytes: int) -> type[APIRoute]:
    """A kind of route for bodies of at most `most_bytes`, decoded.

    Its endpoint gets the document as if it were the body, and the bytes behind it as
    `request.state.tensors`. It raises what `decoded` and `TensorBody.split` raise.
    """

    class TensorRoute(APIRoute):
        def get_route_handler(self) -> Handle:
            handle = super().get_route_handler()

            async def unpacked(request: Request) -> Response:
                return await handle(await _unpacked(request, most_bytes))

            return unpacked

    return TensorRoute


async def _unpacked(request: Request, most_bytes: int) -> Request:
    headers = MutableHeaders(scope=request.scope)
    content = await request.body()
    if coding := headers.get("content-encoding"):
        content = await asyncio.to_thread(decoded, content, coding, most_bytes)
        del headers["content-encoding"]
    body = TensorBody.split(content, headers.get(HEADER))
    # Clients of the protocol send any type, or none: this is what is left of the body.
    headers["content-type"] = "application/json"
    request.state.tensors = body.tensors
    document = JsonRequest(request.scope, _of_document(body.document, request))
    return await document.read(most_bytes)


def _of_document(document: bytes, request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    first = iter(({"type": "http.request", "body": document, "more_body": False},))

    async def receive() -> Message:
        message = next(first, None)
        return await request.receive() if message is None else message

    return receive
