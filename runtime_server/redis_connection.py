"""Connections to Redis that never keep a request waiting for long."""

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

# More than an answer takes, less than a caller notices.
WITHIN_S: Final = 0.2


def connected(url: str) -> Redis:
    """Raises RedisError on use where no answer comes within WITHIN_S."""
    return Redis.from_url(
        url,
        socket_timeout=WITHIN_S,
        socket_connect_timeout=WITHIN_S,
        retry=Retry(NoBackoff(), retries=0),
    )
