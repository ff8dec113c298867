"""What the Open Inference Protocol tells about models: tensors, versions, readiness."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from registry import Artifact
from runtime_server.errors import NotReadyError
from runtime_server.infer_outputs import OUTPUTS
from runtime_server.infer_request import INPUT
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.router import Router
from runtime_server.routing import Preferences


class Value(BaseModel):
    """Immutable."""

    model_config = ConfigDict(frozen=True)


class TensorMetadata(Value):
    """A tensor; -1 is any number of texts."""

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)


class ModelMetadata(Value):
    """What a model reads and answers, and the versions of it that are served."""

    name: str
    versions: tuple[str, ...]
    platform: str = "onnxruntime_onnx"
    inputs: tuple[TensorMetadata, ...] = (TensorMetadata(name=INPUT, datatype="BYTES"),)
    outputs: tuple[TensorMetadata, ...] = tuple(
        TensorMetadata(name=output.name, datatype=output.datatype) for output in OUTPUTS
    )


class ModelReady(Value):
    """A backend can run the model."""

    name: str
    ready: Literal[True] = True


class IndexEntry(Value):
    """A version of a model; `reason` is empty where it is ready."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


@dataclass(frozen=True)
class ProtocolModels:
    """The served models. A reference is `id` or `id@version`; a caller cannot run models itself."""

    catalogue: LiveCatalogue
    router: Router

    def metadata(self, reference: str) -> ModelMetadata:
        """Of what a request for `reference` gets. Raises ModelNotFoundError."""
        now = self.catalogue.current
        model_id = now.choose(reference, None).artifact.manifest.model_id
        manifests = (entry.artifact.manifest for entry in now.entries)
        versions = tuple(m.version for m in manifests if m.model_id == model_id)
        return ModelMetadata(name=model_id, versions=versions)

    def ready(self, reference: str) -> ModelReady:
        """Raises ModelNotFoundError, NotReadyError."""
        artifact = self.catalogue.current.choose(reference, None).artifact
        obstacle = self._obstacle(artifact)
        if obstacle:
            raise NotReadyError(f"{artifact.manifest.reference} cannot be run here ({obstacle})")
        return ModelReady(name=artifact.manifest.model_id)

    def index(self, *, only_ready: bool) -> tuple[IndexEntry, ...]:
        """All versions of all models."""
        entries = tuple(self._entry(entry.artifact) for entry in self.catalogue.current.entries)
        return tuple(e for e in entries if e.state == "READY" or not only_ready)

    def _entry(self, artifact: Artifact) -> IndexEntry:
        obstacle = self._obstacle(artifact)
        return IndexEntry(
            name=artifact.manifest.model_id,
            version=artifact.manifest.version,
            state="UNAVAILABLE" if obstacle else "READY",
            reason=obstacle,
        )

    def _obstacle(self, artifact: Artifact) -> str:
        plan = self.router.plan(artifact, Preferences())
        skips = () if plan.steps else plan.never
        return ", ".join(f"{skip.backend}: {skip.reason}" for skip in skips)
