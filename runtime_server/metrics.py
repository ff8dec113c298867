"""What the server counts and times, for Prometheus: `GET /metrics`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from runtime_server.breaker import BreakerState

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_START_SECONDS: Final = (1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300, 600)
_ROWS: Final = (1, 2, 4, 8, 12, 16)
_TOKENS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
_BREAKER: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_OfWorkers = Literal["livesum", "livemax"]
_RATIOS: Final = (1, 1.02, 1.05, 1.1, 1.15, 1.25, 1.5, 2)


class Metrics:
    """Every series. Labels are model references that are served here, routes, codes and reasons.

    So no request can add a series of its own making.
    """

    def __init__(self, shared: Path | None = None) -> None:
        """`shared` is the folder in which all workers count, where there are several."""
        self._registry = CollectorRegistry()
        self._shared = shared
        if shared is None:
            ProcessCollector(registry=self._registry)
        self._requests = self._counter("requests", "Requests", "model", "route", "code")
        self._seconds = self._histogram("request_seconds", "Whole requests", _SECONDS, "route")
        self._read = self._histogram("tokenize_seconds", "Reading texts", _SECONDS, "model")
        self._queued = self._histogram("queue_seconds", "Waiting in the queue", _SECONDS, "model")
        self._ran = self._histogram("infer_seconds", "Runs of a batch", _SECONDS, "model")
        self._rows = self._histogram("batch_rows", "Rows in a batch", _ROWS, "model")
        self._tokens = self._histogram(
            "batch_tokens", "Tokens in a batch, padding excluded", _TOKENS, "model"
        )
        self._padded = self._counter(
            "batch_padded_tokens", "Tokens in batches, padding included", "model"
        )
        self._padding = self._histogram(
            "batch_padding_ratio", "Tokens with padding for each without", _RATIOS, "model"
        )
        self._depth = self._gauge("queue_tokens", "Tokens that wait or run", "model")
        self._rejected = self._counter("rejected", "Requests not taken or given up", "reason")
        self._fallbacks = self._counter(
            "fallback", "Backends passed over for another", "from", "to", "reason"
        )
        self._breaker = self._gauge(
            "breaker_state",
            "0 closed, 1 half-open, 2 open",
            "backend",
            "model",
            of_workers="livemax",
        )
        self._loaded = self._gauge(
            "model_loaded", "Processes that hold the model in memory", "model"
        )
        self._memory = self._gauge(
            "model_memory_bytes", "Of loaded models, by their manifests", "model"
        )
        self._loads = self._histogram("model_load_seconds", "Loads of models", _SECONDS, "model")
        self._modal_usd = self._counter("modal_cost_usd", "US dollars spent on Modal", "model")
        self._modal_starts = self._histogram(
            "modal_start_seconds", "Starts of containers on Modal", _START_SECONDS, "model"
        )
        self._modal_cached = self._counter(
            "modal_cache", "Texts looked up among Modal's results", "result"
        )
        self._store_lost = self._counter(
            "rate_limit_store_lost", "Times that rate limits were counted here, not in Redis"
        )
        self._evictions = self._counter("model_evictions", "Models given up for others", "model")

    def text(self) -> bytes:
        """Everything, of all workers, in Prometheus' text format."""
        if self._shared is None:
            return generate_latest(self._registry)
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all, str(self._shared))  # type: ignore[no-untyped-call]
        return generate_latest(of_all)

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
        self._tokens.labels(model).observe(tokens)
        if real := sum(lengths):
            padded = max(lengths) * len(lengths)
            self._padded.labels(model).inc(padded)
            self._padding.labels(model).observe(padded / real)

    def depth(self, model: str) -> Callable[[int], None]:
        """Told whenever the queue of the model has more tokens, or fewer."""
        return self._depth.labels(model).set

    def rejected(self, reason: str) -> None:
        """A request was not taken, or given up."""
        self._rejected.labels(reason).inc()

    def rate_limit_store_lost(self) -> None:
        """Redis did not answer when it should have counted."""
        self._store_lost.inc()

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

    def modal_cost(self, model: str, usd: float) -> None:
        """So much more has been spent."""
        self._modal_usd.labels(model).inc(usd)

    def modal_started(self, model: str, seconds: float) -> None:
        """A container has come up."""
        self._modal_starts.labels(model).observe(seconds)

    def modal_cache(self, *, hits: int, misses: int) -> None:
        """Texts whose result was remembered, or not."""
        self._modal_cached.labels("hit").inc(hits)
        self._modal_cached.labels("miss").inc(misses)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"samegraph_{name}", told, labels, registry=self._registry)

    def _gauge(
        self, name: str, told: str, *labels: str, of_workers: _OfWorkers = "livesum"
    ) -> Gauge:
        return Gauge(
            f"samegraph_{name}",
            told,
            labels,
            registry=self._registry,
            multiprocess_mode=of_workers,
        )

    def _histogram(
        self, name: str, told: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"samegraph_{name}", told, labels, buckets=buckets, registry=self._registry
        )
