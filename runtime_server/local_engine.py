"""The local backend: onnxruntime on this machine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Final, Self, TypeVar

from registry import Artifact
from runtime_server.batch_choice import BatchLimits
from runtime_server.compute_threads import compute_threads
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Availability, EngineTimings, Scores
from runtime_server.errors import CudaError, EngineError
from runtime_server.graph_input import Row, RowAnswer, Rows
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.metrics import Metrics
from runtime_server.model_cache import ModelCache
from runtime_server.placement import MemoryBudget, Place, availability, places
from runtime_server.row_queue import RowQueue
from runtime_server.settings import Settings

logger = logging.getLogger(__name__)

# More than a token has on average: what is taken for too much surely is.
CHARACTERS_PER_TOKEN: Final = 8
# To hand a shorter text to another thread costs more than to read it: about half a millisecond.
READ_AT_ONCE: Final = 1000
# Of the session, while other requests keep coming: for the later windows of a long text, and for
# the later texts of a batch, which somebody waits for less (docs/benchmarks.md).
SHARE_OF_TEXT: Final = 0.5
SHARE_OF_BATCH: Final = 0.1

T = TypeVar("T")
Loader = Callable[[Artifact, SessionPlan], LoadedModel]


@dataclass(frozen=True)
class QueueLimits:
    """What a batch may hold on the CPU and on a GPU, and how many tokens may wait for a model."""

    batch: BatchLimits = field(default_factory=BatchLimits)
    gpu_batch: BatchLimits = field(default_factory=BatchLimits)
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
        gpu_batch = replace(batch, rows=settings.cuda_batch_rows, tokens=settings.cuda_batch_tokens)
        return cls(batch, gpu_batch, settings.max_queued_tokens)

    def batch_in(self, place: Place) -> BatchLimits:
        """Of a model that runs there."""
        return self.gpu_batch if place is Place.GPU else self.batch


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
        self._gpu = len(plan.providers) > 1
        self._off_gpu: set[str] = set()
        self._models = {
            place: ModelCache(
                partial(self._loaded, place), budget.limit(place), self._metrics.given_up
            )
            for place in Place
        }
        self._readers = compute_threads(plan.threads, "local-reader")
        self._runner = compute_threads(1, "local-runner")
        # onnxruntime's own threads are started by the one that loads, and are as nice.
        self._loaders = compute_threads(plan.threads, "local-loader")

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics | None = None) -> Self:
        """The engine for these settings; the workers share the cores."""
        threads = max(1, usable_cores() // settings.workers)
        budget = MemoryBudget.of(settings)
        gpu_bytes = None if budget.gpu_bytes is None else int(budget.gpu_bytes)
        plan = SessionPlan(threads, allow_cuda=gpu_bytes != 0, gpu_bytes=gpu_bytes)
        return cls(plan, budget, limits=QueueLimits.of(settings), metrics=metrics)

    def available(self, artifact: Artifact) -> Availability:
        """Artifacts that fit the memory budget."""
        return availability(artifact.manifest, self._budget, gpu=self._may_use_gpu(artifact))

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        """Scores in the order of `texts`. Raises EngineError."""
        began = perf_counter()
        async with self._using(artifact) as queued:
            loaded = perf_counter()
            # Before reading them, which costs what an overloaded server does not have.
            queued.queue.require_room(sum(map(len, texts)) // CHARACTERS_PER_TOKEN)
            rows = await self._read(queued.model, texts, token_level)
            normalized = perf_counter()
            share = SHARE_OF_TEXT if len(texts) == 1 else SHARE_OF_BATCH
            ran = await queued.queue.run(rows.rows, share)
            done = perf_counter()
            provider = queued.model.session.provider
        self._metrics.read(artifact.manifest.reference, normalized - loaded)
        self._metrics.waited(artifact.manifest.reference, ran.queue_s)
        return Scores(
            items=rows.scores(ran.answers),
            provider=provider,
            timings=EngineTimings(
                load_ms=(loaded - began) * 1e3,
                normalize_ms=(normalized - loaded) * 1e3,
                queue_ms=ran.queue_s * 1e3,
                run_ms=(done - normalized - ran.queue_s) * 1e3,
            ),
            batch_rows=ran.batch_rows,
        )

    async def load(self, artifact: Artifact) -> None:
        """Have the model in memory. Raises EngineError."""
        async with self._using(artifact):
            pass

    async def unload(self, artifact: Artifact) -> None:
        """Let go of the model, once those who use it are done."""
        for models in self._models.values():
            await models.give_up(artifact.manifest.digest)

    def loaded(self, artifact: Artifact) -> bool:
        """Whether the model is in memory."""
        return any(models.holds(artifact.manifest.digest) for models in self._models.values())

    async def _read(self, model: LoadedModel, texts: Sequence[str], token_level: bool) -> Rows:
        if sum(map(len, texts)) <= READ_AT_ONCE:
            return model.input.rows(texts, token_level)
        return await _in(self._readers, model.input.rows, texts, token_level)

    async def close(self) -> None:
        """Stop the threads, drop the models."""
        for models in self._models.values():
            await models.close()
        for threads in (self._readers, self._runner, self._loaders):
            await asyncio.to_thread(threads.shutdown, cancel_futures=True)

    @asynccontextmanager
    async def _using(self, artifact: Artifact) -> "AsyncIterator[_Queued]":
        # A second time where CUDA turned out not to run the graph.
        for _ in Place:
            place = self._place(artifact)
            try:
                async with self._models[place].using(artifact) as queued:
                    yield queued
                    return
            except CudaError as exc:
                logger.error("%s; it runs on the CPU instead", exc)
                self._off_gpu.add(artifact.manifest.digest)

    def _place(self, artifact: Artifact) -> Place:
        state = self.available(artifact)
        if state.reason is not None:
            raise EngineError(state.reason, state.detail or "")
        gpu = self._may_use_gpu(artifact)
        return places(artifact.manifest, self._budget, gpu=gpu)[0]

    def _may_use_gpu(self, artifact: Artifact) -> bool:
        return self._gpu and artifact.manifest.digest not in self._off_gpu

    async def _loaded(self, place: Place, artifact: Artifact) -> "_Queued":
        began, name = perf_counter(), artifact.manifest.reference
        plan = self._plan if place is Place.GPU else replace(self._plan, allow_cuda=False)
        model = await _in(self._loaders, self._load, artifact, plan)
        memory = artifact.manifest.runtime.memory_bytes
        self._metrics.loaded(name, memory, perf_counter() - began)

        def counted(rows: Sequence[Row], began: float) -> None:
            lengths, tokens = [row.padded for row in rows], sum(row.tokens for row in rows)
            self._metrics.ran(name, lengths, tokens, perf_counter() - began)

        async def run(rows: Sequence[Row]) -> Sequence[RowAnswer]:
            began = perf_counter()
            found = await _in(self._runner, model.run, rows)
            counted(rows, began)
            return found

        def run_here(rows: Sequence[Row]) -> Sequence[RowAnswer]:
            began = perf_counter()
            found = model.run(rows)
            counted(rows, began)
            return found

        limits, told = self._limits, self._metrics.depth(name)
        here = run_here if place is Place.CPU else None
        batch = limits.batch_in(place)
        return _Queued(model, RowQueue(run, batch, limits.most_tokens, told, here))


@dataclass(frozen=True)
class _Queued:
    model: LoadedModel
    queue: RowQueue[RowAnswer]

    async def close(self) -> None:
        await self.queue.close()


async def _in(threads: ThreadPoolExecutor, function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)
