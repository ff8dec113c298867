"""`GET /backends`: which backends there are, and which models each of them could run now."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from registry import Backend
from runtime_server.catalogue import Catalogue
from runtime_server.router import Router
from runtime_server.routing import Preferences, RoutePlan


class ModelOnBackend(BaseModel):
    """Whether a backend could run a model for a caller that asks for it, and if not, why."""

    model_config = ConfigDict(frozen=True)

    model: str
    preferred: bool
    available: bool
    reason: str | None
    detail: str | None

    @classmethod
    def of(cls, backend: Backend, plan: RoutePlan, model: str, *, preferred: bool) -> Self:
        """The backend's part in a route plan that was asked for this backend."""
        skip = plan.skip_of(backend)
        return cls(
            model=model,
            preferred=preferred,
            available=skip is None,
            reason=skip.reason if skip else None,
            detail=skip.detail if skip else None,
        )


class BackendState(BaseModel):
    """`enabled` by the settings, `configured` to work at all, `available` for some model."""

    model_config = ConfigDict(frozen=True)

    backend: Backend
    enabled: bool
    configured: bool
    available: bool
    reason: str | None
    models: tuple[ModelOnBackend, ...]


class BackendList(BaseModel):
    """Every backend, in no order: a model's manifest says which comes first."""

    model_config = ConfigDict(frozen=True)

    backends: tuple[BackendState, ...]


def backends_router(catalogue: Catalogue, router: Router) -> APIRouter:
    """The route that says what could run where."""
    routes = APIRouter(tags=["server"])

    @routes.head("/backends", include_in_schema=False)
    @routes.get("/backends")
    async def backends() -> BackendList:
        """Each backend: is it enabled, configured, available, and for which models."""
        return BackendList(backends=tuple(_state(backend) for backend in Backend))

    def _state(backend: Backend) -> BackendState:
        models = tuple(
            ModelOnBackend.of(
                backend,
                router.plan(entry.artifact, Preferences(backend, can_run_models=True)),
                entry.artifact.manifest.reference,
                preferred=entry.artifact.manifest.routing.preferred_backend is backend,
            )
            for entry in catalogue.entries
        )
        available = any(model.available for model in models)
        return BackendState(
            backend=backend,
            enabled=not router.policy.forbids(backend),
            configured=backend is Backend.CLIENT_SIDE or backend in router.engines,
            available=available,
            reason=None if available else models[0].reason,
            models=models,
        )

    return routes
