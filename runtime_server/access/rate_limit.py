"""How many texts a caller may have judged in a while, over a sliding window.

Answers carry `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
"""

import ipaddress
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any, Final

from limits import RateLimitItem, WindowStats, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from starlette.requests import Request

from runtime_server.access.api_key import ApiKey
from runtime_server.errors import RateLimitedError, TooManyTextsError
from runtime_server.request_notes import note_header
from runtime_server.rest import Rest

logger = logging.getLogger(__name__)

# So long Redis is left alone after it did not answer.
AWAY_S: Final = 1.0
# Whoever has an IPv6 address has all of its network.
_IPV6_NETWORK: Final = 64


@dataclass(frozen=True)
class _Taken:
    """Whether the texts may pass, and what is left."""

    passes: bool
    stats: WindowStats


class RateLimits:
    """Counts texts by API key, or by address where the request has none.

    In Redis for all processes and machines, else in this process. While Redis does not answer, each
    process counts for itself: a caller may have more than the limit then, and nobody is refused for
    it.
    """

    def __init__(
        self, default: RateLimitItem | None, redis_url: str | None, on_lost: Callable[[], None]
    ) -> None:
        """`on_lost` is told whenever Redis did not answer."""
        self._default = default
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = _Shared(redis_url) if redis_url else None
        self._on_lost = on_lost
        self._rest = Rest(AWAY_S)

    async def take(self, request: Request, texts: int) -> None:
        """Let so many texts more pass, and say in the answer what is left.

        Raises:
            RateLimitedError: not now.
            TooManyTextsError: never, because the limit is for fewer.
        """
        key: ApiKey | None = getattr(request.state, "api_key", None)
        limit = parse(key.rate_limit) if key and key.rate_limit else self._default
        if limit is None or texts == 0:
            return
        if texts > limit.amount:
            raise TooManyTextsError(
                f"the batch has {texts} texts, and {limit} may be judged for this caller",
                length=texts,
                limit=limit.amount,
            )
        taken = await self._take(limit, f"key:{key.key_id}" if key else _address(request), texts)
        left, resets_s = taken.stats.remaining, max(0.0, taken.stats.reset_time - time())
        window_s = limit.get_expiry()
        note_header("RateLimit-Policy", f'"texts";q={limit.amount};w={window_s}')
        note_header("RateLimit", f'"texts";r={left};t={round(resets_s)}')
        if not taken.passes:
            missing_s = (texts - left) * window_s / limit.amount
            raise RateLimitedError(
                f"{limit} may be judged for this caller, and {left} are left of that now",
                retry_after_s=max(resets_s, missing_s),
                limit=limit.amount,
                window_s=window_s,
            )

    async def close(self) -> None:
        """Let go of the connections to Redis."""
        if self._shared is not None:
            await self._shared.close()

    async def _take(self, limit: RateLimitItem, caller: str, texts: int) -> _Taken:
        if self._shared is not None and self._rest.is_over:
            try:
                return await _taken(self._shared.limiter, limit, caller, texts)
            except StorageError as exc:
                self._rest.begin()
                self._on_lost()
                # Not its message, which may hold the address with its password.
                cause = type(exc.__cause__ or exc).__name__
                logger.warning("rate limits are counted here: Redis did not answer: %s", cause)
        return await _taken(self._own, limit, caller, texts)


async def _taken(
    limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, caller: str, texts: int
) -> _Taken:
    passes = await limiter.hit(limit, caller, cost=texts)
    return _Taken(passes, await limiter.get_window_stats(limit, caller))


class _Shared:
    """Counts in Redis. Its methods raise StorageError."""

    def __init__(self, url: str) -> None:
        # Imported here: a server without Redis does without the package.
        from runtime_server.redis_connection import connected

        self._redis: Any = connected(url)
        storage = RedisStorage(
            url,
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="samegraph:rate",
            connection_pool=self._redis.connection_pool,  # type: ignore[arg-type]
        )
        self.limiter = SlidingWindowCounterRateLimiter(storage)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose(close_connection_pool=True)


def _address(request: Request) -> str:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address:{host}"
    if address.version == 4:
        return f"address:{address}"
    return f"address:{ipaddress.ip_network((address, _IPV6_NETWORK), strict=False)}"
