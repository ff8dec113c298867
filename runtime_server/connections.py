"""HTTP connections that nobody can hold for nothing: uvicorn's, with bounds and problem details."""

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from runtime_server.errors import (
    HeadTooLargeError,
    MalformedRequestError,
    OverloadedError,
    RequestTooSlowError,
    ServerError,
)
from runtime_server.problems import problem_response
from runtime_server.settings import Settings

HEAD_BYTES: Final = 65_536
# A caller that is still sending reads the answer later, if the connection lasts until then.
LINGER_S: Final = 1.0
_UPGRADE: Final = re.compile(rb"\r\nupgrade[ \t]*:[^\r]*", re.IGNORECASE)


@dataclass(frozen=True)
class ConnectionLimits:
    """Seconds that the head of a request may take to come; connections open at a time."""

    header_timeout_s: float
    most: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the settings state."""
        return cls(settings.header_timeout_s, settings.max_connections)

    @property
    def protocol(self) -> type[asyncio.Protocol]:
        """For uvicorn's `http`, which calls it once per connection."""
        return cast("type[asyncio.Protocol]", partial(BoundedProtocol, self))


def without_upgrade(data: bytes) -> bytes:
    """The beginning of a request, its wish for another protocol removed (RFC 9110, 7.8).

    The parser takes what follows such a wish for that protocol, and drops the body. Java's client,
    and curl with --http2, wish for HTTP/2 in every first request.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + rest


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose request heads come whole, in time, and not too large.

    uvicorn itself waits for a head as long as a byte comes now and then, keeps all of it, and
    answers 400 and 503 as plain text.
    """

    def __init__(self, limits: ConnectionLimits, **given: Any) -> None:  # noqa: ANN401
        super().__init__(**given)
        self._limits = limits
        self._refused = False
        self._within_message = False
        self._head_bytes = 0
        self._idle_since = self.loop.time()
        # Set as long as a head is to come.
        self._head_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait; make room where there are too many connections."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self._limits.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Parse, but no more of a head than HEAD_BYTES."""
        if self._refused:
            return
        if self.is_idle:
            self._await_head()
        awaited = None if self._within_message else self._head_timer
        if awaited is not None and self._head_bytes == 0:
            data = without_upgrade(data)
        room = HEAD_BYTES - self._head_bytes
        super().data_received(data[:room])
        if awaited is not None and self._head_timer is awaited:
            self._head_bytes += len(data[:room])
            if self._head_bytes >= HEAD_BYTES:
                error = HeadTooLargeError(f"the head has more than {HEAD_BYTES} bytes")
                return self._refuse(error)
        if data[room:]:
            self.data_received(data[room:])

    def eof_received(self) -> None:
        """Tell a caller that has shut down its sending half too early."""
        if self._is_within_body or (self._head_timer and self._head_bytes):
            self._refuse(MalformedRequestError("the request ends before it is complete"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Called by the parser; a head that follows another request's body is bounded, too."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._head_is_here()
        self._within_message = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._within_message = False
        if self.is_idle:
            # It has been answered before its body was here: only now a next head can come.
            self._head_is_here()
            self._await_head()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called when an answer has been sent."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Called for what the parser cannot read."""
        self._refuse(MalformedRequestError("what came is not HTTP/1.1"))

    @property
    def _is_within_body(self) -> bool:
        return not self.is_idle and self.cycle.more_body

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self._limits.header_timeout_s, self._head_is_late
            )

    def _head_is_here(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer, self._head_bytes = None, 0

    def _head_is_late(self) -> None:
        seconds = self._limits.header_timeout_s
        if self._head_bytes:
            self._refuse(RequestTooSlowError(f"the head took longer than {seconds:g} s to come"))
        else:
            self.transport.close()

    def _make_room(self) -> None:
        others = (one for one in self.connections if one is not self)
        idle = [one for one in others if isinstance(one, BoundedProtocol) and one.is_idle]
        if idle:
            min(idle, key=lambda one: one._idle_since).transport.close()
        else:
            self._refuse(
                OverloadedError(f"{self._limits.most} connections are open", retry_after_s=1)
            )

    def _refuse(self, error: ServerError) -> None:
        """Answer, and close once the caller has; what it still sends is not looked at."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._head_is_here()
        if not self.is_idle and not self._can_still_answer():
            return
        self.transport.write(self._raw(error))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _can_still_answer(self) -> bool:
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if self.cycle.response_started:
            # An answer within another would be read as a part of it.
            self.transport.abort()
        return not self.cycle.response_started

    def _raw(self, error: ServerError) -> bytes:
        response = problem_response(error, "", {"Connection": "close", **error.headers})
        headers = [*self.server_state.default_headers, *response.raw_headers]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return b"%b%b\r\n%b" % (STATUS_LINE[error.status], lines, bytes(response.body))
