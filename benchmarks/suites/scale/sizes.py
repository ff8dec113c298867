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
from benchmarks.serving.usage import usage
from benchmarks.suites.scale.fit import exponent_of, growth, linear_verdict
from benchmarks.suites.scale.watched import watched
from benchmarks.suites.tiers.allowance import Allowance, repetitions
from registry import Artifact

MOST_TIMES: Final = 30
# Of the whole time, for repeating one size: the largest one needs most of it.
LONGEST_REPEATING: Final = 0.1
# What takes less is asked once, whatever the time.
FREE_S: Final = 0.5
# The finest that the system counts CPU time.
TICK_MS: Final = 0.1
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

    def spent(self, path: str, body: dict[str, object], times: int) -> "Spent":
        """The same so many times, and the CPU time of the server."""
        before = usage(self.pid).cpu_s
        values = [self.milliseconds(path, body) for _ in range(times)]
        return Spent(values, (usage(self.pid).cpu_s - before) / times * 1e3)


@dataclass(frozen=True)
class Spent:
    """`milliseconds` of each request, and the CPU time of one, from their sum."""

    milliseconds: list[float]
    cpu_ms: float


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
    """What grows: `name` as in a plot's axis; `of` one request; a request of each size.

    `linear_from` is the size from which on growth is judged: below, what a request costs anyway
    hides it. `bar` names the verdict.
    """

    name: str
    of: str
    path: str
    sizes: Sequence[int]
    linear_from: int
    bar: str
    body: Callable[[int], dict[str, object]]
    told: str


def along(axis: Axis, artifact: Artifact, allowance: Allowance) -> Iterator[Finding]:
    """Time and the most memory at each size that there is time for, and their exponents."""
    subject = artifact.manifest.model_id
    found: dict[int, _Found] = {}
    with serving(artifact) as server:
        for number, size in enumerate(axis.sizes):
            share_s = allowance.left_s / (len(axis.sizes) - number)
            share_s = min(share_s, allowance.whole_s * LONGEST_REPEATING)
            expected_s = _expected_s({known: one.median_s for known, one in found.items()}, size)
            if expected_s > max(allowance.left_s, FREE_S):
                why = f"{size:,} {axis.name}: about {expected_s:.0f} s, more than is left"
                yield Missing(subject=subject, why=why)
                continue
            with watched(server.pid) as memory:
                spent = _spent(server, axis, size, share_s)
            found[size] = _Found(spent, memory.most_mb)
            yield _measurement(subject, axis, "time", "ms", spent.milliseconds, size)
            yield _measurement(subject, axis, "CPU time", "CPU-ms", [spent.cpu_ms], size)
            yield _measurement(subject, axis, "peak memory", "MB", [memory.most_mb], size)
    yield from _exponents(axis, subject, found)


@dataclass(frozen=True)
class _Found:
    spent: Spent
    peak_mb: float

    @property
    def median_s(self) -> float:
        return statistics.median(self.spent.milliseconds) / 1e3


def _spent(server: Server, axis: Axis, size: int, share_s: float) -> Spent:
    body = axis.body(size)
    once = server.spent(axis.path, body, 1)
    (once_ms,) = once.milliseconds
    times = repetitions(once_ms / 1e3, share_s - once_ms / 1e3, MOST_TIMES)
    # The first of a size takes memory that later ones find there.
    return server.spent(axis.path, body, times) if times else once


def _expected_s(medians: dict[int, float], size: int) -> float:
    if not medians:
        return 0.0
    largest = max(medians)
    return medians[largest] * size / largest


def _exponents(axis: Axis, subject: str, found: dict[int, _Found]) -> Iterator[Finding]:
    judged = {size: one for size, one in found.items() if size >= axis.linear_from}
    amounts = {
        "time": [one.median_s for one in judged.values()],
        "CPU time": [max(one.spent.cpu_ms, TICK_MS) for one in judged.values()],
        "peak memory": [one.peak_mb for one in judged.values()],
    }
    fitted = {what: growth(list(judged), values) for what, values in amounts.items()}
    for what, one in fitted.items():
        if one is not None:
            yield exponent_of(f"{what} against {axis.name}", subject, one)
    # Other work on the machine makes long requests longer, and their CPU time hardly.
    yield linear_verdict(axis.bar, f"CPU time against {axis.name}", subject, fitted["CPU time"])


def _measurement(
    subject: str, axis: Axis, what: str, unit: str, values: Sequence[float], size: int
) -> Measurement:
    return Measurement(
        subject=subject,
        quantity=f"{what} of {axis.of}",
        unit=unit,
        values=tuple(values),
        at={axis.name: size},
        told=axis.told,
    )
