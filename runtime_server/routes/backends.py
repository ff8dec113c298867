"""`GET /backends`: which backends there are, and which models each of them could run now."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from registry import Artifact, Backend
from runtime_server.breaker import BreakerState
from runtime_server.expected_latency import Expectations, ExpectedLatency
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.router import Router
from runtime_server.routing import Preferences

WORSE: Final = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)


class ModelOnBackend(BaseModel):
    """Whether a backend could run a model for a caller that asks for it, and if not, why."""

    model_config = ConfigDict(frozen=True)

    model: str
    preferred: bool
    available: bool
    reason: str | None
    detail: str | None
    breaker: BreakerState | None = Field(description="null for client_side, which has none")
    expected_latency: ExpectedLatency | None = Field(
        description="of one text; null where nobody has measured it"
    )
    usd_per_1000_requests: float | None = Field(
        description="one request at a time, at the price in the settings; null where unknown"
    )


class BackendState(BaseModel):
    """`enabled` by the settings, `configured` to work at all, `available` for some model."""

    model_config = ConfigDict(frozen=True)

    backend: Backend
    enabled: bool
    configured: bool
    available: bool
    reason: str | None
    breaker: BreakerState | None = Field(description="the worst of its models'")
    models: tuple[ModelOnBackend, ...]


class BackendList(BaseModel):
    """Every backend, in no order: a model's manifest says which comes first."""

    model_config = ConfigDict(frozen=True)

    backends: tuple[BackendState, ...]


def backends_router(
    catalogue: LiveCatalogue, router: Router, expectations: Expectations
) -> APIRouter:
    """The route that says what could run where."""
    routes = APIRouter(tags=["server"])

    @routes.head("/backends", include_in_schema=False)
    @routes.get("/backends")
    async def backends() -> BackendList:
        """Each backend: is it enabled, configured, available, for which models, at what cost."""
        artifacts = [entry.artifact for entry in catalogue.current.entries]
        return BackendList(backends=tuple(_state(backend, artifacts) for backend in Backend))

    def _state(backend: Backend, artifacts: Sequence[Artifact]) -> BackendState:
        models = tuple(_model(backend, artifact) for artifact in artifacts)
        available = any(model.available for model in models)
        breakers = [model.breaker for model in models if model.breaker is not None]
        return BackendState(
            backend=backend,
            enabled=not router.policy.forbids(backend),
            configured=backend is Backend.CLIENT_SIDE or backend in router.engines,
            available=available,
            reason=None if available else models[0].reason,
            breaker=max(breakers, key=WORSE.index, default=None),
            models=models,
        )

    def _model(backend: Backend, artifact: Artifact) -> ModelOnBackend:
        manifest = artifact.manifest
        plan = router.plan(artifact, Preferences(backend, can_run_models=True))
        skip = plan.skip_of(backend)
        breaker = router.breakers.of(backend, manifest) if backend in router.engines else None
        return ModelOnBackend(
            model=manifest.reference,
            preferred=router.policy.routing(manifest).preferred_backend is backend,
            available=skip is None,
            reason=skip.reason if skip else None,
            detail=skip.detail if skip else None,
            breaker=breaker.state if breaker else None,
            expected_latency=expectations.latency(backend, manifest),
            usd_per_1000_requests=expectations.usd_per_1000_requests(backend, manifest),
        )

    return routes
