"""Whether the server is ready: what it is to be warm for has answered, and it is not stopping."""

import asyncio
import logging
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from registry import Artifact, Backend
from runtime_server.errors import AllBackendsFailedError, ServerError
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.router import Router
from runtime_server.routing import NOT_CONFIGURED, Preferences

logger = logging.getLogger(__name__)

_SENTENCE: Final = "A first sentence, so that the session is there when a caller comes. "
# Windows and batches as large as they come: memory that a run needs stays with its session, and is
# taken now instead of while requests are answered.
WARM_TEXTS: Final = (_SENTENCE * 60, *(_SENTENCE,) * 16, *(_SENTENCE * 5,) * 4)
STOPPING: Final = "the server is stopping"


class Readiness:
    """Warms the default model and those that are preloaded, in this order."""

    def __init__(
        self,
        router: Router,
        catalogue: LiveCatalogue,
        preload: Sequence[str] = (),
        *,
        retry_after_s: float = 5.0,
    ) -> None:
        """`preload` are references of models, all in the catalogue."""
        self._router = router
        self._catalogue = catalogue
        self._preload = tuple(preload)
        self._retry_after_s = retry_after_s
        self._cold: str | None = "the default model is loading"
        self._stopping = False

    @property
    def obstacle(self) -> str | None:
        """Why the server is not ready; None when it is."""
        return STOPPING if self._stopping else self._cold

    def stop(self) -> None:
        """From now on the server is not ready: nobody should send it more."""
        self._stopping = True

    async def warm(self) -> None:
        """Predict with each model until it works."""
        began = perf_counter()
        for reference in (None, *self._preload):
            await self._until_it_answers(reference)
        self._cold = None
        logger.info("ready after %.0f ms", (perf_counter() - began) * 1e3)

    async def answer_once(self, artifact: Artifact) -> None:
        """Have the model in memory, and see it answer. Raises ServerError."""
        await self._router.answer(artifact, WARM_TEXTS, self._preferences(artifact))

    async def _until_it_answers(self, reference: str | None) -> None:
        while True:
            try:
                await self.answer_once(self._catalogue.current.choose(reference, None).artifact)
            except AllBackendsFailedError as exc:
                self._cold = exc.detail
            except ServerError as exc:
                self._cold = f"{reference or 'the default model'}: {exc.detail}"
            else:
                return
            await asyncio.sleep(self._retry_after_s)

    def _preferences(self, artifact: Artifact) -> Preferences:
        # A model that only callers can run is ready to be delegated; one that fails is not.
        local = self._router.states(artifact).get(Backend.LOCAL, NOT_CONFIGURED)
        return Preferences(prefer_backend=Backend.LOCAL, can_run_models=not local.ok)
