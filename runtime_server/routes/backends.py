"""`GET /backends`: which backends there are, and which models each of them could run now."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from registry import Artifact, Backend
from runtime_server.backend_list import BackendList, BackendState, ModelOnBackend
from runtime_server.breaker import BreakerState
from runtime_server.expected_latency import Expectations
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.router import Router
from runtime_server.routing import NOT_CONFIGURED, Preferences

WORSE: Final = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)


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
        state = router.states(artifact).get(backend, NOT_CONFIGURED)
        return ModelOnBackend(
            model=manifest.reference,
            preferred=router.policy.routing(manifest).preferred_backend is backend,
            available=skip is None,
            reason=skip.reason if skip else None,
            detail=skip.detail if skip else None,
            breaker=breaker.state if breaker else None,
            warm=state.warm,
            expected_start_s=state.start_s,
            expected_latency=expectations.latency(backend, manifest),
            usd_per_1000_requests=expectations.usd_per_1000_requests(backend, manifest),
        )

    return routes
