"""The local backend: onnxruntime on this machine."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, Self, TypeVar

from registry import Artifact
from runtime_server.batch_choice import BatchLimits
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Availability, EngineTimings, Scores
from runtime_server.graph_input import Row
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.metrics import Metrics
from runtime_server.model_cache import ModelCache
from runtime_server.row_queue import RowQueue
from runtime_server.settings import Settings

GIGABYTE: Final = 1_000_000_000
# More than a token has on average: what is taken for too much surely is.
CHARACTERS_PER_TOKEN: Final = 8

T = TypeVar("T")
Loader = Callable[[Artifact, SessionPlan], LoadedModel]


@dataclass(frozen=True)
class MemoryBudget:
    """The most that all loaded models may take together, in bytes; None is no limit."""

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

    def limit(self, *, on_gpu: bool) -> float | None:
        """Of where models run."""
        return self.gpu_bytes if on_gpu else self.cpu_bytes

    def holds(self, memory_bytes: int, *, on_gpu: bool) -> bool:
        """Whether a model that takes `memory_bytes` fits, alone."""
        limit = self.limit(on_gpu=on_gpu)
        return limit is None or memory_bytes <= limit


@dataclass(frozen=True)
class QueueLimits:
    """What a batch may hold, and how many tokens may wait for a model."""

    batch: BatchLimits = field(default_factory=BatchLimits)
    most_tokens: int = 100_000

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        batch = BatchLimits(
            rows=settings.batch_rows,
            tokens=settings.batch_tokens,
            waste=settings.batch_waste,
            window=settings.batch_window,
        )
        return cls(batch, settings.max_queued_tokens)


class LocalEngine:
    """An Engine with one model and one queue per artifact digest, and one thread that runs all.

    More threads on one session are slower than one: onnxruntime has threads of its own. Texts
    are read (normalised, tokenised) in other threads, before they wait for that one.
    """

    def __init__(
        self,
        plan: SessionPlan,
        budget: MemoryBudget,
        load: Loader = LoadedModel.load,
        limits: QueueLimits = QueueLimits(),
        metrics: Metrics | None = None,
    ) -> None:
        self._plan = plan
        self._limits = limits
        self._metrics = metrics or Metrics()
        self._load = load
        self._budget = budget
        self._on_gpu = len(plan.providers) > 1
        self._models = ModelCache(
            self._loaded, budget.limit(on_gpu=self._on_gpu), self._metrics.given_up
        )
        self._readers = ThreadPoolExecutor(plan.threads, thread_name_prefix="local-reader")
        self._runner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="local-runner")

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics | None = None) -> Self:
        """The engine for these settings; the workers share the cores."""
        threads = max(1, usable_cores() // settings.workers)
        plan = SessionPlan(threads, allow_cuda=settings.vps_gpu_memory_gb != 0)
        limits = QueueLimits.of(settings)
        return cls(plan, MemoryBudget.of(settings), limits=limits, metrics=metrics)

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
        async with self._models.using(artifact) as queued:
            loaded = perf_counter()
            # Before reading them, which costs what an overloaded server does not have.
            queued.queue.require_room(sum(map(len, texts)) // CHARACTERS_PER_TOKEN)
            rows = await _in(self._readers, queued.model.input.rows, texts)
            normalized = perf_counter()
            ran = await queued.queue.run(rows.rows)
            done = perf_counter()
            provider = queued.model.session.provider
        self._metrics.read(artifact.manifest.reference, normalized - loaded)
        self._metrics.waited(artifact.manifest.reference, ran.queue_s)
        return Scores(
            items=rows.scores(ran.probabilities),
            provider=provider,
            timings=EngineTimings(
                load_ms=(loaded - began) * 1e3,
                normalize_ms=(normalized - loaded) * 1e3,
                queue_ms=ran.queue_s * 1e3,
                run_ms=(done - normalized - ran.queue_s) * 1e3,
            ),
        )

    async def load(self, artifact: Artifact) -> None:
        """Have the model in memory. Raises EngineError."""
        async with self._models.using(artifact):
            pass

    async def unload(self, artifact: Artifact) -> None:
        """Let go of the model, once those who use it are done."""
        await self._models.give_up(artifact.manifest.digest)

    def loaded(self, artifact: Artifact) -> bool:
        """Whether the model is in memory."""
        return self._models.holds(artifact.manifest.digest)

    async def close(self) -> None:
        """Stop the threads, drop the models."""
        await self._models.close()
        for threads in (self._readers, self._runner):
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    async def _loaded(self, artifact: Artifact) -> "_Queued":
        began, name = perf_counter(), artifact.manifest.reference
        model = await asyncio.to_thread(self._load, artifact, self._plan)
        memory = artifact.manifest.runtime.memory_bytes
        self._metrics.loaded(name, memory, perf_counter() - began)

        async def run(rows: Sequence[Row]) -> Sequence[float]:
            began = perf_counter()
            found = await _in(self._runner, model.run, rows)
            lengths, tokens = [row.padded for row in rows], sum(row.tokens for row in rows)
            self._metrics.ran(name, lengths, tokens, perf_counter() - began)
            return found

        limits, told = self._limits, self._metrics.depth(name)
        return _Queued(model, RowQueue(run, limits.batch, limits.most_tokens, told))


@dataclass(frozen=True)
class _Queued:
    model: LoadedModel
    queue: RowQueue

    async def close(self) -> None:
        await self.queue.close()


async def _in(threads: ThreadPoolExecutor, function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)
