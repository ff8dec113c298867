"""Models in memory: loaded on first use, kept, and the least recently used given up for others."""

import asyncio
import ctypes
import gc
import logging
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from registry import Artifact
from runtime_server.errors import EngineError

logger = logging.getLogger(__name__)


class Closable(Protocol):
    """What is kept."""

    async def close(self) -> None:
        """Give up what it holds."""
        ...


M = TypeVar("M", bound=Closable)


@dataclass
class _Kept(Generic[M]):
    task: "asyncio.Task[M]"
    reference: str
    memory_bytes: int
    users: int = 0
    leaving: bool = False

    @property
    def idle(self) -> bool:
        return self.users == 0 and self.task.done()


class ModelCache(Generic[M]):
    """At most `limit_bytes` of models at a time, by their manifests' memory_bytes; None is all."""

    def __init__(
        self,
        load: Callable[[Artifact], Awaitable[M]],
        limit_bytes: float | None = None,
        told: Callable[[str, bool], None] = lambda *_: None,
    ) -> None:
        """`told` hears the reference of each model given up, and whether that was for another."""
        self._load = load
        self._told = told
        self._limit = limit_bytes
        self._kept: OrderedDict[str, _Kept[M]] = OrderedDict()

    @property
    def memory_bytes(self) -> int:
        """What all kept models take, those included that are being loaded."""
        return sum(kept.memory_bytes for kept in self._kept.values())

    @asynccontextmanager
    async def using(self, artifact: Artifact) -> AsyncIterator[M]:
        """The model, loaded once for all who ask; it is not given up before they are done.

        Raises:
            EngineError: it cannot be loaded; or `memory_in_use`, where other models are being used
                and there is no room beside them.
        """
        digest = artifact.manifest.digest
        kept = self._kept.get(digest) or await self._begin(artifact)
        kept.users += 1
        kept.leaving = False
        if digest in self._kept:
            self._kept.move_to_end(digest)
        try:
            # A caller that goes away must not cancel the load that others wait for.
            yield await asyncio.shield(kept.task)
        finally:
            kept.users -= 1
            if kept.leaving and kept.idle and self._kept.get(digest) is kept:
                await self._give_up(digest)

    def holds(self, digest: str) -> bool:
        """Whether the model is in memory, wholly."""
        kept = self._kept.get(digest)
        return kept is not None and kept.task.done() and not kept.task.cancelled()

    async def give_up(self, digest: str) -> None:
        """Let go of a model: now, or once those who use it are done. It may be asked for again."""
        kept = self._kept.get(digest)
        if kept is None:
            return
        kept.leaving = True
        if kept.idle:
            await self._give_up(digest)

    async def close(self) -> None:
        """Give up everything, used or not."""
        for digest in tuple(self._kept):
            await self._give_up(digest)

    async def _begin(self, artifact: Artifact) -> _Kept[M]:
        digest, manifest = artifact.manifest.digest, artifact.manifest
        await self._make_room(manifest.runtime.memory_bytes)
        if digest in self._kept:  # another request was faster
            return self._kept[digest]
        task = asyncio.ensure_future(self._load(artifact))
        kept = _Kept(task, manifest.reference, manifest.runtime.memory_bytes)
        self._kept[digest] = kept
        task.add_done_callback(lambda done: self._forget_failed(digest, done))
        return kept

    async def _make_room(self, wanted: int) -> None:
        while self._limit is not None and self._kept and self.memory_bytes + wanted > self._limit:
            idle = next((digest for digest, kept in self._kept.items() if kept.idle), None)
            if idle is None:
                used = ", ".join(kept.reference for kept in self._kept.values())
                detail = f"no room while these are used: {used}"
                raise EngineError("memory_in_use", detail, counts=False)
            logger.info("giving up %s for another model", self._kept[idle].reference)
            await self._give_up(idle, evicted=True)

    async def _give_up(self, digest: str, *, evicted: bool = False) -> None:
        kept = self._kept.pop(digest)
        self._told(kept.reference, evicted)
        if kept.task.done() and not kept.task.cancelled() and kept.task.exception() is None:
            await kept.task.result().close()
        kept.task.cancel()
        del kept
        await asyncio.to_thread(_return_memory)

    def _forget_failed(self, digest: str, done: "asyncio.Task[M]") -> None:
        # So that a repaired file is taken up by the next request.
        if done.cancelled() or done.exception() is not None:
            kept = self._kept.get(digest)
            if kept is not None and kept.task is done:
                del self._kept[digest]


def _return_memory() -> None:
    """Give freed pages back: glibc keeps them for itself otherwise (malloc_trim(3))."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
