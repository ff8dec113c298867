"""`GET /`: what this server is, and where everything else is."""

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from runtime_server.live_catalogue import LiveCatalogue


class Info(BaseModel):
    """The first thing a caller sees."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    default_model: str
    models: tuple[str, ...]
    routes: dict[str, str]


def server_version() -> str:
    """The installed version; "unknown" when run from a folder that is not installed."""
    try:
        return version("samegraph")
    except PackageNotFoundError:
        return "unknown"


ROUTES = {
    "predict": "POST /predict",
    "batch_predict": "POST /batch-predict",
    "models": "GET /models",
    "manifest": "GET /models/{id}",
    "download": "GET /models/{id}/download?file=model.onnx",
    "backends": "GET /backends",
    "health": "GET /health",
    "live": "GET /livez",
    "ready": "GET /readyz",
    "metrics": "GET /metrics",
    "inference_protocol": "GET /v2",
    "demo": "GET /demo/",
    "openapi": "GET /openapi.json",
}


def info_router(catalogue: LiveCatalogue) -> APIRouter:
    """The route `/`."""
    router = APIRouter(tags=["server"])

    @router.head("/", include_in_schema=False)
    @router.get("/")
    async def info() -> Info:
        """What this server is, and where everything else is."""
        now = catalogue.current
        return Info(
            name="samegraph",
            version=server_version(),
            default_model=now.default.artifact.manifest.reference,
            models=now.model_ids,
            routes=ROUTES,
        )

    return router
