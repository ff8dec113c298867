"""One server, asked for more and more: time and memory at each size."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import httpx

from benchmarks.live_server import runtime_server
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suites.scale.fit import exponent_of, growth, linear_verdict
from benchmarks.suites.scale.watched import watched
from benchmarks.suites.tiers.allowance import Allowance, repetitions
from registry import Artifact

MOST_TIMES: Final = 7
# What takes less is asked once, whatever the time.
FREE_S: Final = 0.5
# What is asked for must be taken, and waited for.
LIMITS: Final = {
    "MAX_TEXT_LENGTH": "10000000",
    "MAX_BATCH_ITEMS": "512",
    "MAX_QUEUED_TOKENS": "100000000",
    "REQUEST_TIMEOUT_MS": "900000",
    "ATTEMPT_TIMEOUT_MS": "900000",
    "VPS_GPU_MEMORY_GB": "0",
    "LOG_LEVEL": "error",
}


@dataclass(frozen=True)
class Server:
    """Asked by one caller."""

    pid: int
    client: httpx.Client

    def milliseconds(self, path: str, body: dict[str, object]) -> float:
        """Until the answer. Raises httpx.HTTPError unless it is 200."""
        began = perf_counter()
        self.client.post(path, json=body).raise_for_status()
        return (perf_counter() - began) * 1e3


@contextmanager
def serving(artifact: Artifact, **settings: str) -> Iterator[Server]:
    """A server of this model, which is its default."""
    name, root = artifact.manifest.model_id, artifact.folder.parent.parent
    given = {"REGISTRY_ROOT": str(root), "DEFAULT_MODEL": name, "AVAILABLE_MODELS": name}
    with (
        runtime_server(**{**LIMITS, **given, **settings}) as server,
        httpx.Client(base_url=server.url, timeout=900) as client,
    ):
        yield Server(server.pid, client)


@dataclass(frozen=True)
class Axis:
    """What grows: `name` as in a plot's axis; a request of each size; which sizes count.

    `linear_from` is the size from which on growth is judged: below, what a request costs anyway
    hides it. `bar` names the verdict.
    """

    name: str
    quantity: str
    path: str
    sizes: Sequence[int]
    linear_from: int
    bar: str
    body: Callable[[int], dict[str, object]]
    told: str


def along(axis: Axis, artifact: Artifact, allowance: Allowance) -> Iterator[Finding]:
    """Time and the most memory at each size that there is time for, and their exponents."""
    subject = artifact.manifest.model_id
    medians: dict[int, float] = {}
    peaks: dict[int, float] = {}
    with serving(artifact) as server:
        for number, size in enumerate(axis.sizes):
            share_s = allowance.left_s / (len(axis.sizes) - number)
            expected_s = _expected_s(medians, size)
            if expected_s > max(allowance.left_s, FREE_S):
                why = f"{size:,} {axis.name}: about {expected_s:.0f} s, more than is left"
                yield Missing(subject=subject, why=why)
                continue
            with watched(server.pid) as memory:
                values = _values(server, axis, size, share_s)
            medians[size], peaks[size] = statistics.median(values) / 1e3, memory.most_mb
            yield _measurement(subject, axis, axis.quantity, "ms", values, size)
            yield _measurement(subject, axis, "peak memory", "MB", [memory.most_mb], size)
    yield from _exponents(axis, subject, medians, peaks)


def _values(server: Server, axis: Axis, size: int, share_s: float) -> list[float]:
    body = axis.body(size)
    once = server.milliseconds(axis.path, body)
    times = repetitions(once / 1e3, share_s - once / 1e3, MOST_TIMES)
    # The first of a size takes memory that later ones find there.
    return [server.milliseconds(axis.path, body) for _ in range(times)] or [once]


def _expected_s(medians: dict[int, float], size: int) -> float:
    if not medians:
        return 0.0
    largest = max(medians)
    return medians[largest] * size / largest


def _exponents(
    axis: Axis, subject: str, seconds: dict[int, float], peaks: dict[int, float]
) -> Iterator[Finding]:
    sizes = [size for size in seconds if size >= axis.linear_from]
    time = growth(sizes, [seconds[size] for size in sizes])
    memory = growth(sizes, [peaks[size] for size in sizes])
    if time is not None:
        yield exponent_of(f"time against {axis.name}", subject, time)
    if memory is not None:
        yield exponent_of(f"peak memory against {axis.name}", subject, memory)
    yield linear_verdict(axis.bar, f"time against {axis.name}", subject, time)


def _measurement(
    subject: str, axis: Axis, quantity: str, unit: str, values: Sequence[float], size: int
) -> Measurement:
    at = {axis.name: size}
    return Measurement(
        subject=subject, quantity=quantity, unit=unit, values=tuple(values), at=at, told=axis.told
    )
