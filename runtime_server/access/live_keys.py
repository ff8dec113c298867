"""The keys as they are now: one that was added or revoked counts within seconds."""

import asyncio
import logging
from time import monotonic
from typing import Final

from runtime_server.access.api_key import ApiKey, KeyRing
from runtime_server.access.key_store import KeyStore, KeyStoreError
from runtime_server.errors import KeysUnavailableError

logger = logging.getLogger(__name__)

REFRESH_S: Final = 2.0


class LiveKeys:
    """Reads the store at most every REFRESH_S, when a request asks for a key.

    While the store cannot be read, the keys that were read last go on to hold.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._ring: KeyRing | None = None
        self._read_next = 0.0
        self._reading = asyncio.Lock()

    async def find(self, sent: str) -> ApiKey | None:
        """The key that a caller sent; None where it is not good. Raises KeysUnavailableError."""
        if monotonic() >= self._read_next and (self._ring is None or not self._reading.locked()):
            await self._refresh()
        if self._ring is None:
            raise KeysUnavailableError("the API keys cannot be read", retry_after_s=REFRESH_S)
        return self._ring.find(sent)

    async def close(self) -> None:
        """Let go of the store."""
        await self._store.close()

    async def _refresh(self) -> None:
        async with self._reading:
            if monotonic() < self._read_next:
                return
            try:
                self._ring = KeyRing(await self._store.read())
            except KeyStoreError as exc:
                logger.warning("API keys: %s", exc)
            self._read_next = monotonic() + REFRESH_S
