"""`GET /health`, `/livez`, `/readyz`: for people, and for whatever restarts servers."""

from fastapi import APIRouter

from registry import Artifact, Backend
from runtime_server.breaker import BreakerState
from runtime_server.errors import NotReadyError
from runtime_server.health import BackendHealth, Health, Live, Ready
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.problems import documented
from runtime_server.readiness import Readiness
from runtime_server.router import Router
from runtime_server.routing import Preferences


def health_router(catalogue: LiveCatalogue, router: Router, readiness: Readiness) -> APIRouter:
    """The routes that say how the server is."""
    routes = APIRouter(tags=["server"])

    @routes.head("/livez", include_in_schema=False)
    @routes.get("/livez")
    async def live() -> Live:
        """200 as long as the server answers at all."""
        return Live()

    @routes.head("/readyz", include_in_schema=False)
    @routes.get("/readyz", responses=documented(NotReadyError))
    async def ready() -> Ready:
        """200 once the default model has answered, else 503 and why."""
        if readiness.obstacle is not None:
            raise NotReadyError(readiness.obstacle)
        return Ready()

    @routes.head("/health", include_in_schema=False)
    @routes.get("/health")
    async def health() -> Health:
        """Live, ready, and what each backend could do with the default model."""
        artifact = catalogue.current.default.artifact
        plans = {
            backend: router.plan(artifact, Preferences(backend, can_run_models=True))
            for backend in Backend
        }
        return Health(
            live=True,
            ready=readiness.obstacle is None,
            obstacle=readiness.obstacle,
            default_model=artifact.manifest.reference,
            backends={
                backend: BackendHealth.of(backend, plan, _breaker(backend, artifact))
                for backend, plan in plans.items()
            },
        )

    def _breaker(backend: Backend, artifact: Artifact) -> BreakerState | None:
        if backend not in router.engines:
            return None
        return router.breakers.of(backend, artifact.manifest).state

    return routes
