"""Reads a JSON body strictly: what two parsers could read differently is refused."""

import json
import re
from asyncio import to_thread
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final, Self

from fastapi import Request, Response
from fastapi.routing import APIRoute

from runtime_server.content_coding import decoded
from runtime_server.errors import (
    BodyTooLargeError,
    MalformedBodyError,
    UnsupportedMediaTypeError,
)
from runtime_server.problems import declares_json, well_shown

DEEPEST: Final = 32
# Of a body, what is not in strings: it becomes objects, which cost a hundred times their bytes.
MOST_OUTSIDE_STRINGS: Final = 131_072
# Beyond, it is read in a thread: the others need not wait for all of it.
_LONG: Final = 1_000_000
# Possessive, and with an end that may be missing: it goes over each byte once, whatever comes.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_TOO_DEEP: Final = f"arrays and objects are nested more than {DEEPEST} deep"
_CHARSETS: Final = ("utf-8", "utf8")


def json_route(most_bytes: int) -> type[APIRoute]:
    """A kind of route whose JSON body of at most `most_bytes`, decoded, is read strictly."""

    class JsonRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def strict(request: Request) -> Response:
                _require_utf8(request.headers.get("content-type", ""))
                json_request = JsonRequest(request.scope, request.receive)
                return await handle(await json_request.read(most_bytes))

            return strict

    return JsonRoute


class JsonRequest(Request):
    """A request that can be asked for its body after `read`."""

    async def read(self, most_bytes: int) -> Self:
        """Decode the body and, if it is declared as JSON, parse it.

        Raises:
            UnsupportedContentCodingError, MalformedBodyError, BodyTooLargeError: see `decoded` and
                `parse_json`.
        """
        content = await super().body()
        if coding := self.headers.get("content-encoding"):
            content = await to_thread(decoded, content, coding, most_bytes)
        self._content = content
        if content and declares_json(self):
            long = len(content) > _LONG
            self._value = await to_thread(parse_json, content) if long else parse_json(content)
        return self

    async def body(self) -> bytes:
        """The decoded body."""
        return self._content

    async def json(self) -> object:
        """What it says."""
        return self._value


def _require_utf8(content_type: str) -> None:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in _CHARSETS:
            raise UnsupportedMediaTypeError("JSON is taken in UTF-8 (RFC 8259, 8.1), not otherwise")


def parse_json(content: bytes) -> object:
    """The value of a JSON text in UTF-8; a byte order mark before it is ignored (RFC 8259, 8.1).

    Raises:
        MalformedBodyError: it is not UTF-8, not JSON, repeats a name within an object, holds NaN or
            Infinity, or is nested more than DEEPEST deep.
        BodyTooLargeError: too much of it is not in strings.
    """
    if len(content) > MOST_OUTSIDE_STRINGS and _outside_strings(content) > MOST_OUTSIDE_STRINGS:
        raise BodyTooLargeError(
            f"more than {MOST_OUTSIDE_STRINGS} bytes of the body are not in strings",
            limit=MOST_OUTSIDE_STRINGS,
        )
    try:
        value = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as exc:
        raise MalformedBodyError(f"not UTF-8 at byte {exc.start}") from None
    except json.JSONDecodeError as exc:
        raise MalformedBodyError(f"not JSON at character {exc.pos}") from None
    except RecursionError:
        raise MalformedBodyError(_TOO_DEEP) from None
    except ValueError:
        # Of int(), which reads a few thousand digits at most.
        raise MalformedBodyError("a number has too many digits") from None
    if _deeper(value, DEEPEST):
        raise MalformedBodyError(_TOO_DEEP)
    return value


def _outside_strings(content: bytes) -> int:
    """How many bytes are, each string counted as one; no further than needs be."""
    n_bytes, end = 0, 0
    for string in _STRING.finditer(content):
        n_bytes += string.start() - end + 1
        end = string.end()
        if n_bytes > MOST_OUTSIDE_STRINGS:
            return n_bytes
    return n_bytes + len(content) - end


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise MalformedBodyError(f"the name {well_shown(twice)} occurs twice in one object")
    return members


def _no_constant(name: str) -> object:
    raise MalformedBodyError(f"{name} is not JSON")


def _deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _containers(parent)]
    return level != []


def _containers(parent: object) -> list[object]:
    if isinstance(parent, dict):
        parent = list(parent.values())
    if not isinstance(parent, list):
        return []
    return [child for child in parent if isinstance(child, dict | list)]
