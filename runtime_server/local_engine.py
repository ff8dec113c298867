"""The local backend: onnxruntime on this machine, for artifacts that take text."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Self, TypeVar

from registry import Artifact, norm1
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Availability, EngineTimings, Score, Scores
from runtime_server.graph_session import GraphSession, SessionPlan
from runtime_server.settings import Settings

MICRO_BATCH: Final = 16
GIGABYTE: Final = 1_000_000_000

T = TypeVar("T")
Loader = Callable[[Artifact, SessionPlan], GraphSession]


@dataclass(frozen=True)
class MemoryBudget:
    """The most one model may take, in bytes; None is no limit."""

    cpu_bytes: float | None
    gpu_bytes: float | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The budget that the settings state in GB."""
        cpu, gpu = settings.vps_cpu_memory_gb, settings.vps_gpu_memory_gb
        return cls(
            cpu_bytes=None if cpu is None else cpu * GIGABYTE,
            gpu_bytes=None if gpu is None else gpu * GIGABYTE,
        )

    def holds(self, memory_bytes: int, *, on_gpu: bool) -> bool:
        """Whether a model that takes `memory_bytes` fits."""
        limit = self.gpu_bytes if on_gpu else self.cpu_bytes
        return limit is None or memory_bytes <= limit


class LocalEngine:
    """An Engine with one session per artifact digest, and one thread that runs them all.

    More threads on one session are slower than one: onnxruntime has threads of its own.
    """

    def __init__(
        self, plan: SessionPlan, budget: MemoryBudget, load: Loader = GraphSession.load
    ) -> None:
        self._plan = plan
        self._load = load
        self._budget = budget
        self._on_gpu = len(plan.providers) > 1
        self._sessions: dict[str, asyncio.Task[GraphSession]] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-engine")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The engine for these settings; the workers share the cores."""
        threads = max(1, usable_cores() // settings.workers)
        plan = SessionPlan(threads, allow_cuda=settings.vps_gpu_memory_gb != 0)
        return cls(plan, MemoryBudget.of(settings))

    def available(self, artifact: Artifact) -> Availability:
        """Text-in artifacts that fit the memory budget."""
        manifest = artifact.manifest
        if manifest.input.kind != "text":
            return Availability(
                "unsupported_input", f"{manifest.reference} takes {manifest.input.kind}, not text"
            )
        if not self._budget.holds(manifest.runtime.memory_bytes, on_gpu=self._on_gpu):
            needed = manifest.runtime.memory_bytes / GIGABYTE
            return Availability(
                "exceeds_memory_budget", f"{manifest.reference} takes {needed:.2f} GB"
            )
        return Availability()

    async def predict(self, artifact: Artifact, texts: Sequence[str]) -> Scores:
        """Scores in the order of `texts`. Raises EngineError."""
        began = perf_counter()
        session = await self._session(artifact)
        loaded = perf_counter()
        forms = await self._in_thread(_normal_forms, artifact, texts)
        normalized = perf_counter()
        probabilities = await self._run(session, forms)
        done = perf_counter()
        return Scores(
            items=tuple(Score(p, tokens=None, windows=1, truncated=False) for p in probabilities),
            provider=session.provider,
            timings=EngineTimings(
                load_ms=(loaded - began) * 1e3,
                normalize_ms=(normalized - loaded) * 1e3,
                run_ms=(done - normalized) * 1e3,
            ),
        )

    async def close(self) -> None:
        """Stop the thread, drop the sessions."""
        for task in self._sessions.values():
            task.cancel()
        self._sessions.clear()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _session(self, artifact: Artifact) -> GraphSession:
        digest = artifact.manifest.digest
        task = self._sessions.get(digest)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(self._load, artifact, self._plan))
            self._sessions[digest] = task
            task.add_done_callback(lambda done: self._forget_failed(digest, done))
        # A caller that goes away must not cancel the load that others wait for.
        return await asyncio.shield(task)

    def _forget_failed(self, digest: str, done: asyncio.Task[GraphSession]) -> None:
        # So that a repaired file is taken up by the next request.
        if done.cancelled() or done.exception() is not None:
            self._sessions.pop(digest, None)

    async def _run(self, session: GraphSession, forms: Sequence[str]) -> tuple[float, ...]:
        probabilities = [0.0] * len(forms)
        # One job per micro-batch, so that a long request does not hold up a short one.
        for places in micro_batches([len(form) for form in forms]):
            batch = [forms[place] for place in places]
            for place, value in zip(places, await self._in_thread(session.run, batch), strict=True):
                probabilities[place] = value
        return tuple(probabilities)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)


def micro_batches(lengths: Sequence[int], size: int = MICRO_BATCH) -> Iterator[tuple[int, ...]]:
    """Places of the texts, shortest first, at most `size` at a time."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), size):
        yield tuple(order[start : start + size])


def _normal_forms(artifact: Artifact, texts: Sequence[str]) -> tuple[str, ...]:
    if artifact.manifest.input.normalizer == "identity":
        return tuple(texts)
    return tuple(norm1(text) for text in texts)
