"""How long single texts have taken here lately, by backend and model."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from time import perf_counter
from typing import Final

from registry import Backend, Manifest

REMEMBERED: Final = 256
# Fewer say little, least of all about the slow ones.
LEAST: Final = 20


@dataclass(frozen=True)
class Latency:
    """Milliseconds, over `n` answers."""

    p50_ms: float
    p95_ms: float
    n: int


class ObservedLatency:
    """The last answers of each backend and model. Batches are left out: their size decides."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[Backend, str], deque[float]] = {}

    @contextmanager
    def of(self, backend: Backend, manifest: Manifest, n_texts: int) -> Iterator[None]:
        """Times what is inside; remembers it where it answered one text."""
        began = perf_counter()
        yield
        if n_texts == 1:
            key = (backend, manifest.digest)
            self._seconds.setdefault(key, deque(maxlen=REMEMBERED)).append(perf_counter() - began)

    def lately(self, backend: Backend, manifest: Manifest) -> Latency | None:
        """None where there are too few answers yet."""
        seconds = self._seconds.get((backend, manifest.digest), ())
        if len(seconds) < LEAST:
            return None
        cuts = quantiles(seconds, n=20)
        return Latency(cuts[9] * 1e3, cuts[18] * 1e3, len(seconds))
