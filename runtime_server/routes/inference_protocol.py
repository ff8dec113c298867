"""The Open Inference Protocol (KServe V2, Triton) under `/v2`: what is here, and is it ready.

Specification: https://github.com/kserve/open-inference-protocol; the index is Triton's.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from runtime_server.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    MalformedBodyError,
    ModelNotFoundError,
    NotReadyError,
    UnsupportedMediaTypeError,
)
from runtime_server.health import Live, Ready
from runtime_server.problems import documented
from runtime_server.protocol_models import (
    IndexEntry,
    ModelMetadata,
    ModelReady,
    ProtocolModels,
)
from runtime_server.readiness import Readiness
from runtime_server.routes.info import server_version
from runtime_server.tensor_body import EXTENSION

TAG: Final = "inference protocol"
BAD_BODY: Final = (
    MalformedBodyError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    InvalidRequestError,
)
ModelName = Annotated[str, Path(description="`id` or `id+variant`.", examples=["lexical-tiny"])]
ModelVersion = Annotated[str, Path(description="A version of the model.", examples=["1.0.0"])]


class ServerMetadata(BaseModel):
    """What serves, and what it can do beyond the protocol."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    extensions: tuple[str, ...]


class IndexRequest(BaseModel):
    """Which models are to be listed."""

    model_config = ConfigDict(frozen=True)

    ready: bool = Field(False, strict=True)


def named(model: str, version: str) -> str:
    """The reference by which the catalogue knows it."""
    return f"{model}@{version}"


def inference_protocol_router(models: ProtocolModels, readiness: Readiness) -> APIRouter:
    """All routes of the protocol but `/infer`."""
    routes = APIRouter(prefix="/v2", tags=[TAG])
    _add_server(routes, readiness)
    _add_models(routes, models)
    return routes


def _add_server(routes: APIRouter, readiness: Readiness) -> None:
    @routes.head("", include_in_schema=False)
    @routes.get("")
    async def server() -> ServerMetadata:
        """Name, version, extensions."""
        return ServerMetadata(name="samegraph", version=server_version(), extensions=(EXTENSION,))

    @routes.head("/health/live", include_in_schema=False)
    @routes.get("/health/live")
    async def live() -> Live:
        """200 as long as the server answers at all."""
        return Live()

    @routes.head("/health/ready", include_in_schema=False)
    @routes.get("/health/ready", responses=documented(NotReadyError))
    async def ready() -> Ready:
        """200 once the default model has answered, else 503 and why."""
        if readiness.obstacle is not None:
            raise NotReadyError(readiness.obstacle)
        return Ready()


def _add_models(routes: APIRouter, models: ProtocolModels) -> None:
    not_found = documented(ModelNotFoundError)
    not_ready = documented(ModelNotFoundError, NotReadyError)

    @routes.head("/models/{model}", include_in_schema=False)
    @routes.get("/models/{model}", responses=not_found)
    async def metadata(model: ModelName) -> ModelMetadata:
        """Tensors that the model reads and answers, and its versions."""
        return models.metadata(model)

    @routes.head("/models/{model}/versions/{version}", include_in_schema=False)
    @routes.get("/models/{model}/versions/{version}", responses=not_found)
    async def version_metadata(model: ModelName, version: ModelVersion) -> ModelMetadata:
        """The same, if this version is served."""
        return models.metadata(named(model, version))

    @routes.head("/models/{model}/ready", include_in_schema=False)
    @routes.get("/models/{model}/ready", responses=not_ready)
    async def model_ready(model: ModelName) -> ModelReady:
        """200 where a backend can run the model, else 503 and why."""
        return models.ready(model)

    @routes.head("/models/{model}/versions/{version}/ready", include_in_schema=False)
    @routes.get("/models/{model}/versions/{version}/ready", responses=not_ready)
    async def version_ready(model: ModelName, version: ModelVersion) -> ModelReady:
        """The same for this version."""
        return models.ready(named(model, version))

    @routes.post("/repository/index", responses=documented(*BAD_BODY))
    async def index(body: IndexRequest | None = None) -> tuple[IndexEntry, ...]:
        """Every version of every model, or those that are ready."""
        return models.index(only_ready=body is not None and body.ready)
