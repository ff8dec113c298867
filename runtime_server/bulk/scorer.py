"""An artifact on this machine, for many texts at a time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Final, Self

from registry import Artifact
from registry.windows import RUN_TOKENS
from runtime_server.batch_choice import BatchLimits
from runtime_server.bulk.length_batches import length_batches
from runtime_server.bulk.outcome import Outcome
from runtime_server.errors import CudaError, EngineError
from runtime_server.graph_input import Row, RowAnswer, Rows
from runtime_server.graph_session import CUDA, SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import QueueLimits
from runtime_server.placement import MemoryBudget, Place, places
from runtime_server.settings import Settings

# Of rows that are not padded: runs so long that threads seldom wait for each other.
_UNPADDED: Final = BatchLimits(rows=64, tokens=RUN_TOKENS)
_PROBE: Final = "Whether the graph runs at all is found out before the corpus is read."
# Hears how many texts more are done; a fraction while a part runs.
Told = Callable[[float], None]


@dataclass(frozen=True)
class Room:
    """What a batch may hold, and how much memory a model may take."""

    limits: QueueLimits
    budget: MemoryBudget

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(QueueLimits.of(settings), MemoryBudget.of(settings))


@dataclass(frozen=True)
class Read:
    """Texts, and their rows; None where reading them together failed."""

    texts: Sequence[str]
    rows: Rows | None


@dataclass(frozen=True)
class Scorer:
    """One session, run by several threads side by side.

    Each run has one thread: side by side they are quicker than one run with as many threads, and
    they share the weights. `reads_aside` says whether texts are better read while others run:
    tokenizers leaves Python's lock meanwhile, norm-1 would keep the runs waiting for it.
    """

    model: LoadedModel
    limits: BatchLimits
    threads: ThreadPoolExecutor
    reads_aside: bool

    @classmethod
    @contextmanager
    def loaded(cls, artifact: Artifact, room: "Room", n_threads: int) -> Iterator[Self]:
        """On a GPU where there is one that it fits, else on the CPU; verified, and run once.

        Raises:
            EngineError: it does not fit, is damaged, or does not run.
        """
        model, place = _loaded(artifact, room.budget)
        threads = ThreadPoolExecutor(n_threads, thread_name_prefix="bulk-runner")
        reads_aside = artifact.manifest.input.kind == "tokens"
        scorer = cls(model, room.limits.batch_in(place), threads, reads_aside)
        try:
            model.run(model.input.rows((_PROBE,)).rows)
            yield scorer
        finally:
            threads.shutdown(cancel_futures=True)

    def read(self, texts: Sequence[str]) -> Read:
        """Normalised and tokenised."""
        try:
            return Read(texts, self.model.input.rows(texts))
        except EngineError:
            return Read(texts, None)

    def outcomes(self, read: Read, told: Told = lambda _: None) -> tuple[Outcome, ...]:
        """One per text, in order. A text on which the graph fails has an error.

        Raises:
            EngineError: the graph fails on every one of several texts.
        """
        if not read.texts:
            return ()
        try:
            return self._together(read, told)
        except EngineError as exc:
            outcomes = tuple(map(self._alone, read.texts))
            if len(outcomes) > 1 and all(outcome.error for outcome in outcomes):
                raise exc
            return outcomes

    def _together(self, read: Read, told: Told) -> tuple[Outcome, ...]:
        rows = self.model.input.rows(read.texts) if read.rows is None else read.rows
        batches = self._batches(rows.rows)
        found: list[RowAnswer | None] = [None] * len(rows.rows)
        for batch, answers in zip(batches, self._run(rows.rows, batches), strict=True):
            for place, answer in zip(batch, answers, strict=True):
                found[place] = answer
            told(len(batch) / len(rows.rows) * len(read.texts))
        answered = [answer for answer in found if answer is not None]
        return tuple(map(Outcome.scored, rows.scores(answered)))

    def _batches(self, rows: Sequence[Row]) -> Sequence[Sequence[int]]:
        if any(row.padded for row in rows):
            return length_batches([row.padded for row in rows], self.limits)
        return length_batches([row.tokens for row in rows], _UNPADDED)

    def _run(
        self, rows: Sequence[Row], batches: Sequence[Sequence[int]]
    ) -> Iterator[Sequence[RowAnswer]]:
        return self.threads.map(self.model.run, ([rows[place] for place in one] for one in batches))

    def _alone(self, text: str) -> Outcome:
        try:
            rows = self.model.input.rows((text,))
            parts = (self.model.run([row]) for row in rows.rows)
            (score,) = rows.scores(tuple(chain.from_iterable(parts)))
            return Outcome.scored(score)
        except EngineError as exc:
            return Outcome.refused(exc)


def _loaded(artifact: Artifact, budget: MemoryBudget) -> tuple[LoadedModel, Place]:
    gpu_bytes = None if budget.gpu_bytes is None else int(budget.gpu_bytes)
    plan = SessionPlan(1, allow_cuda=gpu_bytes != 0, gpu_bytes=gpu_bytes)
    fitting = places(artifact.manifest, budget, gpu=CUDA in plan.providers)
    for place in fitting:
        here = SessionPlan(1, allow_cuda=place is Place.GPU, gpu_bytes=gpu_bytes)
        try:
            return LoadedModel.load(artifact, here), place
        except CudaError:
            if place is fitting[-1]:
                raise
    needed = artifact.manifest.runtime.memory_bytes / 1e9
    raise EngineError(
        "exceeds_memory_budget", f"the model takes {needed:.2f} GB, VPS_CPU_MEMORY_GB is less"
    )
