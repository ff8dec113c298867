"""`/admin`: models into memory and out of it, and what the registry holds now."""

import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from registry import Artifact
from runtime_server.access.api_key import KeyScope
from runtime_server.access.guard import Guard, guarded
from runtime_server.engine import ModelMemory
from runtime_server.errors import (
    AdminDisabledError,
    EngineError,
    LoadFailedError,
    ModelNotFoundError,
    ReloadRefusedError,
)
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.problems import documented
from runtime_server.reload import Reload
from runtime_server.routes.models import ModelReference


class ModelState(BaseModel):
    """A model in the memory of the process that answers; `pid` is which one that is."""

    model_config = ConfigDict(frozen=True)

    model: str
    loaded: bool
    memory_bytes: int
    seconds: float = 0.0
    pid: int


class ModelStates(BaseModel):
    """Every served model."""

    model_config = ConfigDict(frozen=True)

    models: tuple[ModelState, ...]


class RefusedModel(BaseModel):
    """A new artifact that does not work: what was served before still is."""

    model_config = ConfigDict(frozen=True)

    model: str
    reason: str
    detail: str


class Reloaded(BaseModel):
    """References of models by what has become of them.

    With several workers each is replaced by a new one, which begins with what the registry holds
    then; the lists are empty, and `status` says so.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["reloaded", "workers_restarting"]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refused: tuple[RefusedModel, ...] = ()


def restart_workers() -> None:
    """Tell the supervisor: it starts a new worker before it retires an old one."""
    os.kill(os.getppid(), signal.SIGHUP)


def admin_router(
    catalogue: LiveCatalogue,
    memory: ModelMemory,
    reload: Reload,
    guard: Guard,
    restart: Callable[[], None] | None,
) -> APIRouter:
    """The routes for operators. `restart` is given where there are several workers."""
    routes = APIRouter(
        prefix="/admin",
        tags=["admin"],
        route_class=guarded(guard, KeyScope.ADMIN),
        responses=documented(AdminDisabledError),
    )

    def _state(artifact: Artifact, seconds: float = 0.0) -> ModelState:
        return ModelState(
            model=artifact.manifest.reference,
            loaded=memory.loaded(artifact),
            memory_bytes=artifact.manifest.runtime.memory_bytes,
            seconds=seconds,
            pid=os.getpid(),
        )

    @routes.get("/models")
    async def models() -> ModelStates:
        """Which models are in memory."""
        entries = catalogue.current.entries
        return ModelStates(models=tuple(_state(entry.artifact) for entry in entries))

    @routes.post("/models/{model}/load", responses=documented(ModelNotFoundError, LoadFailedError))
    async def load(model: ModelReference) -> ModelState:
        """Have a model in memory before anyone asks for it; each worker has its own."""
        artifact, began = catalogue.current.resolve(model).artifact, perf_counter()
        try:
            await memory.load(artifact)
        except EngineError as exc:
            raise LoadFailedError(exc.detail, reason=exc.reason) from None
        return _state(artifact, perf_counter() - began)

    @routes.post("/models/{model}/unload", responses=documented(ModelNotFoundError))
    async def unload(model: ModelReference) -> ModelState:
        """Let go of a model once the requests that use it are done; the next one loads it anew."""
        artifact, began = catalogue.current.resolve(model).artifact, perf_counter()
        await memory.unload(artifact)
        return _state(artifact, perf_counter() - began)

    @routes.post(
        "/reload",
        responses={
            202: {"model": Reloaded, "description": "The workers are being replaced"},
            **documented(ReloadRefusedError),
        },
    )
    async def reload_registry(response: Response) -> Reloaded:
        """Serve what the registry holds now. No request fails meanwhile.

        What is new is tried first; what does not work leaves what was served before.
        """
        if restart is not None:
            restart()
            response.status_code = 202
            return Reloaded(status="workers_restarting")
        return Reloaded(status="reloaded", **asdict(await reload.run()))

    return routes
