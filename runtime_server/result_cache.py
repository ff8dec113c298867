"""Remembers what Modal has answered, so that nobody pays twice for the same text."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from registry import Manifest
from registry.normal_forms import NORMALIZERS
from runtime_server.modal_answer import ModalScore, Part

# Of what is remembered: another one forgets all.
FORMAT: Final = "1"


class Remembered(Part):
    """A score, and the execution provider that computed it."""

    score: ModalScore
    provider: str


class ResultCache(Protocol):
    """From keys to scores. Holds no text; a cache that does not work is an empty one."""

    async def get(self, keys: Sequence[str]) -> Sequence[Remembered | None]:
        """One per key; None where nothing is remembered."""
        ...

    async def put(self, scores: Mapping[str, Remembered]) -> None:
        """Remember."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def cache_key(manifest: Manifest, text: str) -> str:
    """Of all that the score depends on: the artifact, and the text as its graph reads it.

    Thresholds and the other wishes of a request are applied to a score afterwards.
    """
    spec = manifest.input
    names = dict.fromkeys((spec.normalizer, *(c.normalizer for c in spec.companions)))
    hashed = hashlib.sha256(f"{FORMAT}\0{manifest.digest}".encode())
    for name in names:
        form = NORMALIZERS[name](text).encode("utf-8", "surrogatepass")
        hashed.update(f"\0{name}\0{len(form)}\0".encode() + form)
    return hashed.hexdigest()


class MemoryCache:
    """The `most` results that were asked for last, none of them older than `ttl_s` seconds."""

    def __init__(
        self, most: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._ttl_s = ttl_s
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, Remembered]] = OrderedDict()

    async def get(self, keys: Sequence[str]) -> Sequence[Remembered | None]:
        """One per key; None where nothing is remembered."""
        return tuple(map(self._found, keys))

    async def put(self, scores: Mapping[str, Remembered]) -> None:
        """Remember; what was asked for longest ago makes room."""
        for key, score in scores.items():
            self._held[key] = (self._clock() + self._ttl_s, score)
            self._held.move_to_end(key)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    async def close(self) -> None:
        """Forget all."""
        self._held.clear()

    def _found(self, key: str) -> Remembered | None:
        until, score = self._held.get(key, (0.0, None))
        if score is None:
            return None
        if self._clock() >= until:
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return score
