"""Sees every request from its first byte to its last: counts, times and logs it, and names it."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

from asgi_correlation_id import correlation_id
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars
from structlog.typing import FilteringBoundLogger

from runtime_server.errors import ServerError
from runtime_server.metrics import Metrics
from runtime_server.problems import problem_response
from runtime_server.request_notes import RequestNotes, begin_notes
from runtime_server.trace_context import TRACEPARENT, TRACESTATE, TraceContext

logger = logging.getLogger(__name__)

# Asked for every few seconds by what watches the server.
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"})
FAILED: Final = 500


class Observed:
    """ASGI middleware. Requests are told apart by their route, never by path, query or text."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; what it did not foresee becomes a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = trace_of(scope)
        names = {
            "request_id": correlation_id.get(),
            "trace_id": context.trace_id,
            "span_id": context.span_id,
        }
        bind_contextvars(**names)
        exchange = _Exchange(self, scope, send, context, names)
        try:
            await self._app(scope, receive, exchange.send)
        except Exception as exc:
            if exchange.begun:
                raise  # and the server cuts the connection
            logger.error("an error that nobody foresaw", exc_info=exc)
            problem = problem_response(
                ServerError("an error that is not the caller's"), scope["path"]
            )
            await problem(scope, receive, exchange.send)
        finally:
            exchange.end()

    def answered(self, exchange: "_Exchange") -> None:
        """Count, time and log a request that is done."""
        scope, notes, status = exchange.scope, exchange.notes, exchange.status
        seconds = perf_counter() - exchange.began
        route, model = _route(scope), _model(scope)
        self._metrics.answered(route, model, status, seconds)
        client = scope.get("client")
        fields = {
            "method": scope["method"],
            "route": route or None,
            "status": status,
            "key": notes.key,
            "model": model or None,
            "backend": notes.backend,
            "seconds": round(seconds, 6),
            "items": notes.items,
            "tokens": notes.tokens,
            "client": client[0] if client else None,
        }
        say = self._log.info if status < FAILED else self._log.warning
        if route in PROBES:
            say = self._log.debug
        # An answer does not fail because nobody reads the log.
        with suppress(OSError):
            known = {name: value for name, value in fields.items() if value is not None}
            say("request", **exchange.names, **known)


class _Exchange:
    """One request and what is known of its answer."""

    def __init__(
        self,
        observed: Observed,
        scope: Scope,
        send: Send,
        context: TraceContext,
        names: Mapping[str, str | None],
    ) -> None:
        self.scope = scope
        self.names = names
        self.status = FAILED
        self.begun = False
        self.notes: RequestNotes = begin_notes()
        self.began = perf_counter()
        self._observed = observed
        self._send = send
        self._context = context
        self._ended = False

    async def send(self, message: Message) -> None:
        """Pass on; the answer says which trace it belongs to."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            own = (*self._context.headers, *self.notes.headers)
            message["headers"] = [*message.get("headers", ()), *own]
        elif not message.get("more_body", False):
            # Before its last bytes: who has the answer finds it counted.
            self.end()
        await self._send(message)

    def end(self) -> None:
        """Once."""
        if not self._ended:
            self._ended = True
            self._observed.answered(self)


def trace_of(scope: Scope) -> TraceContext:
    """The span of this request: OpenTelemetry's where that is on, else one of our own."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        return TraceContext(
            trace.format_trace_id(span.trace_id),
            trace.format_span_id(span.span_id),
            span.trace_flags.sampled,
            span.trace_state.to_header(),
        )
    given = TraceContext.given(_values(scope, TRACEPARENT), _values(scope, TRACESTATE))
    return given.child() if given else TraceContext.begun()


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _route(scope: Mapping[str, Any]) -> str:
    """The template, such as /models/{model}; "" where no route was found."""
    return str(getattr(scope.get("route"), "path", ""))


def _model(scope: Mapping[str, Any]) -> str:
    return str(scope.get("state", {}).get("model", ""))
