"""API keys in Redis, for several machines."""

from typing import Any, Final

from pydantic import ValidationError
from redis.exceptions import RedisError

from runtime_server.access.api_key import ApiKey
from runtime_server.access.key_store import KeyStoreError
from runtime_server.redis_connection import connected

_KEYS: Final = "samegraph:api-keys"


class RedisKeys:
    """A KeyStore: a hash with a field for each name."""

    def __init__(self, url: str) -> None:
        self._redis: Any = connected(url)

    async def read(self) -> tuple[ApiKey, ...]:
        """All of them, by name."""
        try:
            held = await self._redis.hvals(_KEYS)
        except RedisError as exc:
            raise _lost(exc) from None
        try:
            keys = [ApiKey.model_validate_json(content) for content in held]
        except ValidationError:
            raise KeyStoreError(f"{_KEYS} in Redis holds what is no API key") from None
        return tuple(sorted(keys, key=lambda key: key.name))

    async def add(self, key: ApiKey) -> None:
        """One more; its name must be free."""
        try:
            added = await self._redis.hsetnx(_KEYS, key.name, key.model_dump_json())
        except RedisError as exc:
            raise _lost(exc) from None
        if not added:
            raise KeyStoreError(f"there is a key {key.name} already: revoke it first")

    async def remove(self, name: str) -> bool:
        """Whether there was one of this name."""
        try:
            return bool(await self._redis.hdel(_KEYS, name))
        except RedisError as exc:
            raise _lost(exc) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()


def _lost(error: RedisError) -> KeyStoreError:
    # Not its message, which may hold the address with its password.
    return KeyStoreError(f"Redis (REDIS_URL) did not answer: {type(error).__name__}")
