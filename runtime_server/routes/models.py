"""`GET /models`, `/models/{id}`, `/models/{id}/download`: public reads, open to any origin."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from registry import Backend, Manifest, SizeCategory
from registry.manifest import MANIFEST_FILE, MODEL_FILE, Routing, Sha256
from runtime_server.delegation import download_url, manifest_url
from runtime_server.downloads import Downloads
from runtime_server.errors import (
    ArtifactCorruptError,
    FileNotListedError,
    InvalidRangeError,
    InvalidRequestError,
    ModelNotFoundError,
    PinMismatchError,
    RangeNotSatisfiableError,
)
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.problems import documented
from runtime_server.routing import Policy

ModelReference = Annotated[
    str, Path(description="`id` (its newest version) or `id@version`.", examples=["lexical-tiny"])
]
FileQuery = Annotated[str, Query(description=f"A file of the manifest, or {MANIFEST_FILE}.")]
PinQuery = Annotated[
    Sha256 | None,
    Query(description="What the file must be; the answer may then be cached for ever."),
]


class ModelSummary(BaseModel):
    """One version of one model."""

    model_config = ConfigDict(frozen=True)

    model_id: str
    version: str
    digest: str
    default: bool
    task: str
    labels: tuple[str, str]
    input_kind: str
    threshold: float
    size_bytes: int
    size_category: SizeCategory
    quantization: str
    preferred_backend: Backend
    fallback_backends: tuple[Backend, ...]
    manifest_url: str
    download_url: str

    @classmethod
    def of(cls, manifest: Manifest, routing: Routing, *, default: bool, root_path: str) -> Self:
        """The summary of a manifest, with the operator's routing."""
        return cls(
            model_id=manifest.model_id,
            version=manifest.version,
            digest=manifest.digest,
            default=default,
            task=manifest.task,
            labels=manifest.labels,
            input_kind=manifest.input.kind,
            threshold=manifest.decision.threshold,
            size_bytes=manifest.size_bytes,
            size_category=manifest.size_category,
            quantization=manifest.quantization.scheme.value,
            preferred_backend=routing.preferred_backend,
            fallback_backends=routing.fallback_backends,
            manifest_url=manifest_url(manifest, root_path),
            download_url=download_url(manifest, manifest.model, root_path),
        )


class ModelList(BaseModel):
    """Every served model, all versions."""

    model_config = ConfigDict(frozen=True)

    default_model: str
    models: tuple[ModelSummary, ...]


def models_router(catalogue: LiveCatalogue, policy: Policy, downloads: Downloads) -> APIRouter:
    """The routes that show and hand out artifacts."""
    router = APIRouter(tags=["models"])

    @router.head("/models", include_in_schema=False)
    @router.get("/models")
    async def models(request: Request) -> ModelList:
        """Every served model, all versions."""
        now = catalogue.current
        default = now.default.artifact.manifest
        root_path = str(request.scope.get("root_path", ""))
        summaries = tuple(
            ModelSummary.of(
                manifest, policy.routing(manifest), default=manifest is default, root_path=root_path
            )
            for manifest in (entry.artifact.manifest for entry in now.entries)
        )
        return ModelList(default_model=default.reference, models=summaries)

    @router.head("/models/{model}", include_in_schema=False)
    @router.get(
        "/models/{model}",
        response_model=Manifest,
        responses=documented(ModelNotFoundError, ArtifactCorruptError),
    )
    async def manifest(model: ModelReference, request: Request) -> Response:
        """The manifest, byte for byte as it was published."""
        served = catalogue.current.resolve(model).file(MANIFEST_FILE)
        return await downloads.response(served, request.headers, pin=None)

    @router.head("/models/{model}/download", include_in_schema=False)
    @router.get(
        "/models/{model}/download",
        response_class=Response,
        responses={
            200: {"description": "The file", "content": {"application/octet-stream": {}}},
            206: {"description": "The part that `Range` asked for"},
            304: {"description": "The caller's copy is the current one"},
            **documented(
                InvalidRangeError,
                ModelNotFoundError,
                FileNotListedError,
                PinMismatchError,
                RangeNotSatisfiableError,
                InvalidRequestError,
                ArtifactCorruptError,
            ),
        },
    )
    async def download(
        model: ModelReference,
        request: Request,
        file: FileQuery = MODEL_FILE,
        sha256: PinQuery = None,
    ) -> Response:
        """A file of the artifact, with ETag, Range and Repr-Digest."""
        served = catalogue.current.resolve(model).file(file)
        return await downloads.response(served, request.headers, pin=sha256)

    return router
