"""The local backend: onnxruntime on this machine."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Final, Self, TypeVar

from registry import Artifact
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Availability, EngineTimings, Scores
from runtime_server.graph_input import Rows
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.settings import Settings

GIGABYTE: Final = 1_000_000_000

T = TypeVar("T")
Loader = Callable[[Artifact, SessionPlan], LoadedModel]


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
    """An Engine with one model per artifact digest, and one thread that runs them all.

    More threads on one session are slower than one: onnxruntime has threads of its own. Texts
    are read (normalised, tokenised) in other threads, before they wait for that one.
    """

    def __init__(
        self, plan: SessionPlan, budget: MemoryBudget, load: Loader = LoadedModel.load
    ) -> None:
        self._plan = plan
        self._load = load
        self._budget = budget
        self._on_gpu = len(plan.providers) > 1
        self._models: dict[str, asyncio.Task[LoadedModel]] = {}
        self._readers = ThreadPoolExecutor(plan.threads, thread_name_prefix="local-reader")
        self._runner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-runner")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The engine for these settings; the workers share the cores."""
        threads = max(1, usable_cores() // settings.workers)
        plan = SessionPlan(threads, allow_cuda=settings.vps_gpu_memory_gb != 0)
        return cls(plan, MemoryBudget.of(settings))

    def available(self, artifact: Artifact) -> Availability:
        """Artifacts that fit the memory budget."""
        manifest = artifact.manifest
        if not self._budget.holds(manifest.runtime.memory_bytes, on_gpu=self._on_gpu):
            needed = manifest.runtime.memory_bytes / GIGABYTE
            return Availability(
                "exceeds_memory_budget", f"{manifest.reference} takes {needed:.2f} GB"
            )
        return Availability()

    async def predict(self, artifact: Artifact, texts: Sequence[str]) -> Scores:
        """Scores in the order of `texts`. Raises EngineError."""
        began = perf_counter()
        model = await self._model(artifact)
        loaded = perf_counter()
        rows = await _in(self._readers, model.input.rows, texts)
        normalized = perf_counter()
        probabilities = await self._run(model, rows)
        done = perf_counter()
        return Scores(
            items=rows.scores(probabilities),
            provider=model.session.provider,
            timings=EngineTimings(
                load_ms=(loaded - began) * 1e3,
                normalize_ms=(normalized - loaded) * 1e3,
                run_ms=(done - normalized) * 1e3,
            ),
        )

    async def close(self) -> None:
        """Stop the threads, drop the models."""
        for task in self._models.values():
            task.cancel()
        self._models.clear()
        for threads in (self._readers, self._runner):
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    async def _model(self, artifact: Artifact) -> LoadedModel:
        digest = artifact.manifest.digest
        task = self._models.get(digest)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(self._load, artifact, self._plan))
            self._models[digest] = task
            task.add_done_callback(lambda done: self._forget_failed(digest, done))
        # A caller that goes away must not cancel the load that others wait for.
        return await asyncio.shield(task)

    def _forget_failed(self, digest: str, done: asyncio.Task[LoadedModel]) -> None:
        # So that a repaired file is taken up by the next request.
        if done.cancelled() or done.exception() is not None:
            self._models.pop(digest, None)

    async def _run(self, model: LoadedModel, rows: Rows) -> Sequence[float]:
        found: dict[int, float] = {}
        # One job per micro-batch, so that a long request does not hold up a short one.
        for places in rows.micro_batches():
            values = await _in(self._runner, model.run, rows, places)
            found.update(zip(places, values, strict=True))
        return [found[place] for place in range(len(found))]


async def _in(threads: ThreadPoolExecutor, function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)
