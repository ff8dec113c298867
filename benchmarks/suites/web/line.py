"""Lines between a browser and the server: how many bytes a second, and how late they come.

The server holds its bytes back itself. So what a worker asks for is as slow as what a page asks
for, which is not so where a browser is told to slow down.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

# A line that was idle sends nothing faster afterwards, but a thread that woke late catches up.
CATCH_UP_S = 0.05
PARTS_PER_S = 100


@dataclass(frozen=True)
class Network:
    """How fast bytes come down, None for at once, and how long each answer is waited for."""

    name: str
    bytes_per_s: float | None = None
    latency_s: float = 0.0


UNTHROTTLED = Network("unthrottled")
BROADBAND = Network("broadband", 50e6 / 8, 0.02)
# As Chrome's developer tools have them: 0.9 of the rate, 2.75 or 3.75 of the latency.
FAST_4G = Network("Fast 4G", 0.9 * 9e6 / 8, 2.75 * 0.060)
SLOW_4G = Network("Slow 4G", 0.9 * 1.6e6 / 8, 3.75 * 0.150)


@dataclass(frozen=True)
class Tally:
    """Requests, and bytes of their answers, heads included."""

    requests: int = 0
    bytes: int = 0

    def since(self, earlier: "Tally") -> "Tally":
        """What has come since then."""
        return Tally(self.requests - earlier.requests, self.bytes - earlier.bytes)


class Line:
    """What all connections of one browser share, part by part in turns. It counts what passes."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """Of all so far."""
        return self._tally

    def request(self) -> None:
        """Counts one, and waits for as long as the network makes it."""
        self._count(Tally(requests=1))
        time.sleep(self._network.latency_s)

    def send(self, content: memoryview, write: Callable[[memoryview], object]) -> None:
        """Writes it, at the rate of the line."""
        self._count(Tally(bytes=len(content)))
        rate = self._network.bytes_per_s
        if rate is None:
            write(content)
            return
        part = max(1, round(rate / PARTS_PER_S))
        for start in range(0, len(content), part):
            sent = content[start : start + part]
            time.sleep(max(0.0, self._turn(len(sent) / rate) - time.monotonic()))
            write(sent)

    def _turn(self, seconds: float) -> float:
        """When a part that takes so long has passed."""
        with self._lock:
            begins = max(self._free_at, time.monotonic() - CATCH_UP_S)
            self._free_at = begins + seconds
            return self._free_at

    def _count(self, more: Tally) -> None:
        with self._lock:
            before = self._tally
            self._tally = Tally(before.requests + more.requests, before.bytes + more.bytes)
