"""What the server counts and times, for Prometheus: `GET /metrics`."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime_server.breaker import BreakerState

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ROWS: Final = (1, 2, 4, 8, 12, 16)
_BREAKER: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_RATIOS: Final = (1, 1.02, 1.05, 1.1, 1.15, 1.25, 1.5, 2)


class Metrics:
    """Every series. Labels are model references that are served here, routes, codes and reasons.

    So no request can add a series of its own making.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests", "model", "route", "code")
        self._seconds = self._histogram("request_seconds", "Whole requests", _SECONDS, "route")
        self._read = self._histogram("tokenize_seconds", "Reading texts", _SECONDS, "model")
        self._queued = self._histogram("queue_seconds", "Waiting in the queue", _SECONDS, "model")
        self._ran = self._histogram("infer_seconds", "Runs of a batch", _SECONDS, "model")
        self._rows = self._histogram("batch_rows", "Rows in a batch", _ROWS, "model")
        self._tokens = self._counter("batch_tokens", "Tokens run, padding excluded", "model")
        self._padding = self._histogram(
            "batch_padding_ratio", "Tokens with padding for each without", _RATIOS, "model"
        )
        self._depth = self._gauge("queue_tokens", "Tokens that wait or run", "model")
        self._rejected = self._counter("rejected", "Requests not taken or given up", "reason")
        self._fallbacks = self._counter(
            "fallback", "Backends passed over for another", "from", "to", "reason"
        )
        self._breaker = self._gauge(
            "breaker_state", "0 closed, 1 half-open, 2 open", "backend", "model"
        )
        self._loaded = self._gauge("model_loaded", "1 where the model is in memory", "model")
        self._memory = self._gauge(
            "model_memory_bytes", "Of loaded models, by their manifests", "model"
        )
        self._loads = self._histogram("model_load_seconds", "Loads of models", _SECONDS, "model")
        self._evictions = self._counter("model_evictions", "Models given up for others", "model")

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def answered(self, route: str, model: str, code: int, seconds: float) -> None:
        """A request is done; `model` is "" where none was chosen."""
        self._requests.labels(model, route, code).inc()
        self._seconds.labels(route).observe(seconds)

    def read(self, model: str, seconds: float) -> None:
        """Texts have been normalised and tokenised."""
        self._read.labels(model).observe(seconds)

    def waited(self, model: str, seconds: float) -> None:
        """The last row of a request has begun to run."""
        self._queued.labels(model).observe(seconds)

    def ran(self, model: str, lengths: list[int], tokens: int, seconds: float) -> None:
        """A batch has run; `lengths` are the rows' where they are padded, else 0."""
        self._ran.labels(model).observe(seconds)
        self._rows.labels(model).observe(len(lengths))
        self._tokens.labels(model).inc(tokens)
        if real := sum(lengths):
            self._padding.labels(model).observe(max(lengths) * len(lengths) / real)

    def depth(self, model: str) -> Callable[[int], None]:
        """Told whenever the queue of the model has more tokens, or fewer."""
        return self._depth.labels(model).set

    def rejected(self, reason: str) -> None:
        """A request was not taken, or given up."""
        self._rejected.labels(reason).inc()

    def fell_back(self, passed_over: str, taken: str, reason: str) -> None:
        """A backend was passed over, and another one answered."""
        self._fallbacks.labels(passed_over, taken, reason).inc()

    def breaker(self, backend: str, model: str, state: BreakerState) -> None:
        """A breaker has changed."""
        self._breaker.labels(backend, model).set(_BREAKER[state])

    def loaded(self, model: str, memory_bytes: int, seconds: float) -> None:
        """A model is in memory."""
        self._loads.labels(model).observe(seconds)
        self._loaded.labels(model).set(1)
        self._memory.labels(model).set(memory_bytes)

    def given_up(self, model: str, evicted: bool) -> None:
        """A model is no longer in memory; `evicted` where another one needed the room."""
        if evicted:
            self._evictions.labels(model).inc()
        self._loaded.labels(model).set(0)
        self._memory.labels(model).set(0)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"samegraph_{name}", told, labels, registry=self._registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"samegraph_{name}", told, labels, registry=self._registry)

    def _histogram(
        self, name: str, told: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"samegraph_{name}", told, labels, buckets=buckets, registry=self._registry
        )


class Measured:
    """Middleware that counts and times every request by its route, never by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, code, counted = perf_counter(), 500, False

        def count() -> None:
            nonlocal counted
            if not counted:
                seconds = perf_counter() - began
                self._metrics.answered(_route(scope), _model(scope), code, seconds)
            counted = True

        async def noted(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            elif not message.get("more_body", False):
                # Before its last bytes: who has the answer finds it counted.
                count()
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            count()


def _route(scope: Mapping[str, Any]) -> str:
    """The template, such as /models/{model}; "" where no route was found."""
    return str(getattr(scope.get("route"), "path", ""))


def _model(scope: Mapping[str, Any]) -> str:
    return str(scope.get("state", {}).get("model", ""))
