"""What all servers are measured with, and one of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.live_server import Program
from benchmarks.peers.dialect import Dialect
from benchmarks.serving.traffic import Stream
from benchmarks.serving.usage import tree
from registry import Artifact
from runtime_server.cpu_quota import usable_cores
from runtime_server.graph_session import SessionPlan

OURS = "Samegraph"
CEILING = "onnxruntime alone"
CALLERS = 32
DRAIN_S = 20
HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Field:
    """`texts` are in their normal form, each of one window: every server then answers the same."""

    artifact: Artifact
    texts: tuple[str, ...]
    # Of `benchmarks.peers.peer.PEERS`.
    peers: tuple[str, ...]
    budget_s: float
    tell: Callable[[str], None]
    # Of each server's own peak: where latency is measured.
    shares: tuple[float, ...] = (0.5, 0.7, 0.9)

    @property
    def plan(self) -> SessionPlan:
        """As many threads as a server takes here; peers get them too."""
        return SessionPlan(usable_cores(), allow_cuda=False)


@dataclass(frozen=True)
class Subject:
    """A server that runs. `probabilities` are the right answers, by text.

    One that `polls` takes CPU time while nobody asks: it is stopped (SIGSTOP) where others are
    measured. Only such a one: there are servers that do not survive it.
    """

    title: str
    dialect: Dialect
    program: Program
    probabilities: dict[str, float]
    polls: bool = False

    @property
    def url(self) -> str:
        """Where texts are sent."""
        return f"{self.program.url}{self.dialect.path}"

    def stream(self, texts: tuple[str, ...], per_s: float, seconds: float) -> Stream:
        """The texts at random moments, so many a second."""
        bodies = tuple(self.dialect.body(text) for text in texts)
        return Stream(name="load", url=self.url, bodies=bodies, per_s=per_s, seconds=seconds)

    def difference(self, text: str, answer: httpx.Response) -> float:
        """From the right probability; infinite where it is no answer."""
        with suppress(ValueError):
            if answer.status_code == httpx.codes.OK:
                return abs(self.dialect.probability(answer.text) - self.probabilities[text])
        return float("inf")

    def drain(self) -> None:
        """Wait for the answer to one request: all that came before it have theirs then."""
        body = self.dialect.body(next(iter(self.probabilities)))
        with suppress(httpx.HTTPError):
            httpx.post(self.url, content=body, headers=HEADERS, timeout=DRAIN_S)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Runs while the block does."""
        self.wake()
        try:
            yield
        finally:
            self.rest()

    def wake(self) -> None:
        """Children first: nobody finds one that does not answer."""
        for one in reversed(self._stoppable()):
            with suppress(psutil.NoSuchProcess):
                one.resume()

    def rest(self) -> None:
        """From the top."""
        for one in self._stoppable():
            with suppress(psutil.NoSuchProcess):
                one.suspend()

    def _stoppable(self) -> list[psutil.Process]:
        return list(tree(self.program.pid)) if self.polls else []
