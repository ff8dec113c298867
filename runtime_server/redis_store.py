"""Results and the day's spending in Redis: for several processes, and beyond a restart.

Redis is a convenience: where it does not answer at once, it is left alone for a while, in which
results are not remembered and this process goes on with its own account.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from redis.exceptions import RedisError

from runtime_server.redis_connection import connected
from runtime_server.rest import Rest
from runtime_server.result_cache import Remembered
from runtime_server.spending import OwnLedger

logger = logging.getLogger(__name__)

# As long as one does not answer, neither every caller waits for it nor every one is logged.
REST_S: Final = 10.0
_RESULT: Final = "samegraph:modal:result:"
_SPENT: Final = "samegraph:modal:usd:"
_LEDGER_TTL_S: Final = 3 * 86_400

T = TypeVar("T")


class RedisStore:
    """A ResultCache and a Ledger. Results leave by their time to live, or as Redis is told to."""

    def __init__(self, url: str, ttl_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = connected(url)
        self._ttl_s = ttl_s
        self._own = OwnLedger()
        self._rest = Rest(REST_S, clock)

    async def get(self, keys: Sequence[str]) -> Sequence[Remembered | None]:
        """One per key; None where nothing is remembered."""
        if not self._rest.is_over:
            return (None,) * len(keys)
        try:
            held: Any = await self._redis.mget([_RESULT + key for key in keys])
        except RedisError as exc:
            return self._lost("read", exc, (None,) * len(keys))
        return tuple(map(_score, held))

    async def put(self, scores: Mapping[str, Remembered]) -> None:
        """Remember."""
        if not self._rest.is_over:
            return
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for key, score in scores.items():
                    pipeline.set(_RESULT + key, score.model_dump_json(), ex=self._ttl_s)
                await pipeline.execute()
        except RedisError as exc:
            self._lost("write", exc, None)

    async def add(self, day: str, usd: float) -> float:
        """The day's sum of all processes, with these; without Redis, of this process."""
        own = await self._own.add(day, usd)
        if not self._rest.is_over:
            return own
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.incrbyfloat(_SPENT + day, usd)
                pipeline.expire(_SPENT + day, _LEDGER_TTL_S)
                total, _ = await pipeline.execute()
        except RedisError as exc:
            return self._lost("count in", exc, own)
        return max(float(total), own)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    def _lost(self, what: str, error: RedisError, instead: T) -> T:
        self._rest.begin()
        # Not its message, which may hold the address with its password.
        logger.warning("could not %s Redis: %s", what, type(error).__name__)
        return instead


def _score(held: bytes | None) -> Remembered | None:
    if held is None:
        return None
    try:
        return Remembered.model_validate_json(held)
    except ValidationError:
        return None
