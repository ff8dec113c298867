"""Which models a server has."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from registry import Backend, Manifest, SizeCategory
from registry.manifest import Routing
from runtime_server.delegation import download_url, manifest_url


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
