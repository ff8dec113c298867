"""The modal backend: serverless GPUs, for artifacts that are too large for this machine."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from registry import Artifact, Manifest
from runtime_server.attempt import current_attempt
from runtime_server.cold_start import ColdStart
from runtime_server.engine import Availability, EngineTimings, Score, Scores
from runtime_server.errors import EngineError, SettingsError
from runtime_server.local_engine import READ_AT_ONCE
from runtime_server.metrics import Metrics
from runtime_server.modal_answer import ModalAnswer
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_model import ModalModel
from runtime_server.modal_plan import ModalPlan
from runtime_server.modal_price import usd_per_hour
from runtime_server.modal_remote import ModalRemote
from runtime_server.result_cache import MemoryCache, Remembered, ResultCache, cache_key
from runtime_server.settings import Settings
from runtime_server.spending import OwnLedger, Price, Spending

if TYPE_CHECKING:
    from runtime_server.redis_store import RedisStore


@dataclass(frozen=True)
class CallLimits:
    """Texts in one call, and how long a start is expected to take before one has been seen."""

    texts: int
    start_s: float


class ModalEngine:
    """An Engine. Knows its models by their digests; one client for all of them."""

    def __init__(
        self,
        remote: ModalRemote,
        plan: ModalPlan,
        limits: CallLimits,
        spending: Spending,
        cache: ResultCache | None,
        metrics: Metrics,
    ) -> None:
        self._remote = remote
        self._plan = plan
        self._limits = limits
        self._spending = spending
        self._cache = cache
        self._metrics = metrics
        self._models: dict[str, ModalModel] = {}
        self._unwatched: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, settings: Settings, credentials: ModalCredentials, metrics: Metrics) -> Self:
        """The engine for these settings. Raises SettingsError."""
        store = _store(settings)
        plan = ModalPlan.of(settings)
        return cls(
            ModalRemote(credentials, plan),
            plan,
            CallLimits(settings.modal_batch_texts, settings.modal_expected_start_s),
            _spending(settings, store, metrics),
            _cache(settings, store),
            metrics,
        )

    def available(self, artifact: Artifact) -> Availability:
        """From what is known: no I/O that anybody would wait for."""
        state = self._spending.availability
        return state if not state.ok else self._model(artifact.manifest).availability

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        """Scores in the order of `texts`, without those of tokens. Raises EngineError."""
        del token_level  # nothing of a text but its score crosses the network
        manifest = artifact.manifest
        keys = await _keys(manifest, texts)
        held = await self._remembered(keys)
        # A text that comes twice is asked for once.
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
        answers = await self._answers(manifest, tuple(missing.values()))
        found = dict(zip(missing, _remembering(answers), strict=True))
        if self._cache is not None and found:
            await self._cache.put(found)
        return _scores(keys, held, found, answers, self._cost_usd(answers))

    async def close(self) -> None:
        """Let go of connections, and of what nobody waits for."""
        for model in self._models.values():
            await model.close()
        await self._remote.close()
        if self._unwatched:
            await asyncio.wait(self._unwatched)
        if self._cache is not None:
            await self._cache.close()
        await self._spending.close()

    async def _answers(self, manifest: Manifest, texts: Sequence[str]) -> tuple[ModalAnswer, ...]:
        if not texts:
            return ()
        if (state := self._spending.availability).reason is not None:
            raise EngineError(state.reason, state.detail or "", counts=False)
        size = self._limits.texts
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        return await self._model(manifest).answers(parts, current_attempt())

    async def _remembered(self, keys: Sequence[str]) -> dict[str, Remembered]:
        if self._cache is None:
            return {}
        found = zip(keys, await self._cache.get(keys), strict=True)
        held = {key: score for key, score in found if score is not None}
        hits = sum(key in held for key in keys)
        self._metrics.modal_cache(hits=hits, misses=len(keys) - hits)
        return held

    def _cost_usd(self, answers: Sequence[ModalAnswer]) -> float | None:
        return self._spending.cost_usd(sum(answer.run_s for answer in answers))

    def _model(self, manifest: Manifest) -> ModalModel:
        if manifest.digest not in self._models:
            self._models[manifest.digest] = ModalModel(
                manifest,
                self._remote,
                self._plan,
                ColdStart(self._plan.idle_s, self._limits.start_s),
                self._spending,
                self._metrics,
                self._later,
            )
        return self._models[manifest.digest]

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._unwatched.add(task)
        task.add_done_callback(self._unwatched.discard)


async def _keys(manifest: Manifest, texts: Sequence[str]) -> tuple[str, ...]:
    def keys() -> tuple[str, ...]:
        return tuple(cache_key(manifest, text) for text in texts)

    if sum(map(len, texts)) <= READ_AT_ONCE:
        return keys()
    return await asyncio.to_thread(keys)


def _remembering(answers: Sequence[ModalAnswer]) -> Iterator[Remembered]:
    for answer in answers:
        for score in answer.scores:
            yield Remembered(score=score, provider=answer.provider)


def _scores(
    keys: Sequence[str],
    held: dict[str, Remembered],
    found: dict[str, Remembered],
    answers: Sequence[ModalAnswer],
    cost_usd: float | None,
) -> Scores:
    known = held | found

    def score(key: str) -> Score:
        one = known[key].score
        return Score(one.probability, one.tokens, one.windows, one.truncated, cached=key in held)

    def longest(milliseconds: Iterator[float]) -> float:
        # Parts run side by side.
        return max(milliseconds, default=0.0)

    return Scores(
        items=tuple(map(score, keys)),
        provider=answers[0].provider if answers else known[keys[0]].provider,
        timings=EngineTimings(
            load_ms=longest(answer.load_s * 1e3 for answer in answers),
            normalize_ms=longest(answer.normalize_ms for answer in answers),
            queue_ms=longest(answer.queue_ms for answer in answers),
            run_ms=longest(answer.run_ms for answer in answers),
        ),
        batch_rows=max((answer.batch_rows for answer in answers), default=0),
        cost_usd=cost_usd,
    )


def _spending(settings: Settings, store: "RedisStore | None", metrics: Metrics) -> Spending:
    per_hour, budget = usd_per_hour(settings), settings.modal_daily_budget_usd
    if per_hour is None and budget is not None:
        raise SettingsError(
            f"MODAL_DAILY_BUDGET_USD: the price of MODAL_GPU={settings.modal_gpu} is not known; "
            "state it as MODAL_USD_PER_HOUR"
        )
    price = None if per_hour is None else Price(per_hour, settings.modal_idle_s)
    if budget is not None and store is None:
        # Each process keeps an account of its own.
        budget /= settings.workers
    return Spending(price, budget, store or OwnLedger(), metrics.modal_cost)


def _cache(settings: Settings, store: "RedisStore | None") -> ResultCache | None:
    if settings.modal_cache_entries == 0:
        return None
    return store or MemoryCache(settings.modal_cache_entries, settings.modal_cache_ttl_s)


def _store(settings: Settings) -> "RedisStore | None":
    if settings.redis_url is None:
        return None
    try:
        # Imported here: a server without Redis does without the package.
        from runtime_server.redis_store import RedisStore
    except ModuleNotFoundError as exc:
        if exc.name != "redis":
            raise
        raise SettingsError("REDIS_URL: pip install 'samegraph[redis]' first") from None
    return RedisStore(settings.redis_url.get_secret_value(), settings.modal_cache_ttl_s)
