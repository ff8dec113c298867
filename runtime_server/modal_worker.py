"""What a container on Modal does: one artifact, and the engine of a server for it."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Self

from pydantic import ValidationError

from registry import Artifact, Manifest
from registry.errors import SignatureError
from registry.manifest import MANIFEST_FILE
from registry.signature import check_signature, public_key_bytes
from runtime_server.cpu_quota import usable_cores
from runtime_server.engine import Engine
from runtime_server.errors import EngineError
from runtime_server.graph_session import CUDA, SessionPlan, preload_cuda
from runtime_server.local_engine import LocalEngine
from runtime_server.modal_answer import InputFailure, ModalAnswer
from runtime_server.placement import MemoryBudget
from runtime_server.verified_files import verify_files

# The driver's own file: it is there whatever CUDA libraries can do with it.
NVIDIA_DRIVER: Final = Path("/proc/driver/nvidia/version")
FIRST_TEXT: Final = "A first sentence, so that the graph has run before a caller comes."


class ModalWorker:
    """A loaded artifact that has answered once."""

    def __init__(self, artifact: Artifact, engine: Engine) -> None:
        self._artifact = artifact
        self._engine = engine
        self._provider = ""
        self._answers = 0
        self.load_s = 0.0

    @classmethod
    async def load(
        cls,
        folder: Path,
        model_id: str,
        digest: str,
        driver: Path = NVIDIA_DRIVER,
        public_key: str = "",
    ) -> Self:
        """From the artifact's folder in the Volume.

        Every file is hashed, external data too; and the graph has to run on the GPU where there is
        one: a CPU at the price of a GPU is an error. With a public key (base64) the manifest must
        be signed by it.

        Raises:
            EngineError: not_published, digest_mismatch, not_signed, artifact_missing, load_failed,
                cuda_failed.
        """
        artifact = _artifact(folder, model_id, digest)
        if public_key:
            _require_signed(artifact, public_key)
        verify_files(artifact)
        preload_cuda()
        plan = SessionPlan(usable_cores(), allow_cuda=True)
        worker = cls(artifact, LocalEngine(plan, MemoryBudget(None, None)))
        scores = await worker._engine.predict(artifact, (FIRST_TEXT,))
        worker._provider = scores.provider
        on_gpu = artifact.manifest.input.kind == "tokens" and _is_there(driver)
        if on_gpu and scores.provider != CUDA:
            await worker.close()
            raise EngineError(
                "cuda_failed", f"there is a GPU, and {scores.provider} runs {model_id}"
            )
        return worker

    async def predict(self, texts: Sequence[str]) -> dict[str, Any]:
        """A ModalAnswer as plain values. Raises EngineError for what is not the texts' doing."""
        began = perf_counter()
        try:
            scores = await self._engine.predict(self._artifact, texts)
        except EngineError as exc:
            if exc.counts:
                raise
            answer = self._failed(exc, perf_counter() - began)
        else:
            answer = ModalAnswer.of(scores, perf_counter() - began, self._first_load_s())
        return answer.model_dump()

    def awake(self) -> dict[str, Any]:
        """The same without texts: that the model is there."""
        load_s = self._first_load_s()
        return ModalAnswer(provider=self._provider, run_s=0.0, load_s=load_s).model_dump()

    async def close(self) -> None:
        """Free threads and memory."""
        await self._engine.close()

    def _failed(self, error: EngineError, run_s: float) -> ModalAnswer:
        failure = InputFailure(reason=error.reason, detail=error.detail)
        load_s = self._first_load_s()
        return ModalAnswer(failure=failure, provider=self._provider, run_s=run_s, load_s=load_s)

    def _first_load_s(self) -> float:
        self._answers += 1
        return self.load_s if self._answers == 1 else 0.0


def _is_there(driver: Path) -> bool:
    return driver.exists()


def _require_signed(artifact: Artifact, public_key: str) -> None:
    try:
        check_signature(artifact, public_key_bytes(public_key))
    except SignatureError as exc:
        raise EngineError("not_signed", str(exc)) from None


def _artifact(folder: Path, model_id: str, digest: str) -> Artifact:
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
    except OSError:
        told = (
            f"{model_id} is not in the Volume (python -m runtime_server modal publish {model_id})"
        )
        raise EngineError("not_published", told) from None
    except ValidationError as exc:
        raise EngineError("digest_mismatch", "the manifest in the Volume is damaged") from exc
    if (manifest.model_id, manifest.digest) != (model_id, digest):
        told = f"the Volume holds {manifest.reference} under the digest of {model_id}"
        raise EngineError("digest_mismatch", told)
    return Artifact(manifest, folder)
