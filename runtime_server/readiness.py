"""Whether the server is ready: the default model has answered once."""

import asyncio
import logging
from time import perf_counter
from typing import Final

from registry import Artifact, Backend
from runtime_server.errors import AllBackendsFailedError
from runtime_server.router import Router
from runtime_server.routing import NOT_CONFIGURED, Preferences

logger = logging.getLogger(__name__)

WARM_TEXT: Final = "A first sentence, so that the session is there when a caller comes."


class Readiness:
    """Warms the default model; `obstacle` is None from the first answer on."""

    def __init__(self, router: Router, artifact: Artifact, *, retry_after_s: float = 5.0) -> None:
        self._router = router
        self._artifact = artifact
        self._retry_after_s = retry_after_s
        self._obstacle: str | None = "the default model is loading"

    @property
    def obstacle(self) -> str | None:
        """Why the server is not ready; None when it is."""
        return self._obstacle

    async def warm(self) -> None:
        """Predict until it works."""
        began = perf_counter()
        while self._obstacle is not None:
            try:
                await self._router.answer(self._artifact, (WARM_TEXT,), self._preferences())
            except AllBackendsFailedError as exc:
                self._obstacle = exc.detail
                await asyncio.sleep(self._retry_after_s)
            else:
                self._obstacle = None
        logger.info("ready after %.0f ms", (perf_counter() - began) * 1e3)

    def _preferences(self) -> Preferences:
        # A model that only callers can run is ready to be delegated; one that fails is not.
        local = self._router.states(self._artifact).get(Backend.LOCAL, NOT_CONFIGURED)
        return Preferences(prefer_backend=Backend.LOCAL, can_run_models=not local.ok)
