"""`GET /models`, `/models/{id}`, `/models/{id}/download`: public reads, open to any origin."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from registry import Manifest
from registry.manifest import MANIFEST_FILE, MODEL_FILE, Sha256
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
from runtime_server.model_list import ModelList, ModelSummary
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
FILE_CONTENT: Final[dict[str, Any]] = {"application/octet-stream": {}, "application/json": {}}
PARTS: Final[dict[int | str, dict[str, Any]]] = {
    206: {
        "description": "The part that `Range` asked for",
        "content": {**FILE_CONTENT, "multipart/byteranges": {}},
    },
    304: {"description": "The caller's copy is the current one"},
}
FILE_ERRORS: Final = (
    InvalidRangeError,
    ModelNotFoundError,
    RangeNotSatisfiableError,
    ArtifactCorruptError,
)


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
        responses={**PARTS, **documented(*FILE_ERRORS)},
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
            200: {"description": "The file", "content": FILE_CONTENT},
            **PARTS,
            **documented(*FILE_ERRORS, FileNotListedError, PinMismatchError, InvalidRequestError),
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
