"""What runs on Modal: one class, whose containers each hold one artifact and answer texts.

A container runs the same LocalEngine as a server, so tokenisation, windows, batches and pooling
are the same code, and so is the answer. `python -m runtime_server modal deploy` deploys it.
"""

import os
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import modal

from runtime_server.errors import EngineError
from runtime_server.modal_plan import (
    CLASS_NAME,
    CPU_CORES,
    MEMORY_MIB,
    PUBLIC_KEY_VARIABLE,
    WORKER_FAILED,
    ModalPlan,
)
from runtime_server.settings import Settings, load_settings

MOUNT: Final = "/artifacts"
# Where the Volume is, if not there: a server that is not Modal's cannot mount it at the root.
FOLDER_VARIABLE: Final = "SAMEGRAPH_ARTIFACTS"

# The wheels of onnxruntime-gpu from 1.31 on are built for CUDA 13 (driver 580 or newer, GPUs from
# Turing on) and bring it as packages, so the image needs no CUDA of its own. 1.31.1 is the release
# next to the onnxruntime 1.32.0 that verified the artifacts; 1.32 has no GPU wheel.
ORT_GPU: Final = "onnxruntime-gpu[cuda,cudnn]==1.31.1"
ORT_CPU: Final = "onnxruntime==1.32.0"
PACKAGES: Final = (
    "cryptography>=44",
    "numpy>=2.2",
    "packaging>=25",
    "prometheus-client>=0.22",
    "pydantic>=2.11",
    "pydantic-settings>=2.11",
    "rfc8785>=0.1.4",
    "tokenizers>=0.22",
)
# Of the two packages, what a container runs; artifacts are in the Volume.
_NOT_SENT: Final = ["**/__pycache__", "artifacts", "**/*.pyc", "api_page"]
_INPUTS_AT_ONCE: Final = 16

# A container has the settings' defaults: what it must know of them was fixed at the deployment.
_PLAN = ModalPlan.of(load_settings() if modal.is_local() else Settings.model_construct())

app = modal.App(_PLAN.app)
# No secret, but how Modal hands a container what was set at the deployment. Always there: the
# container must find as many objects as were deployed.
_trusted = modal.Secret.from_dict({PUBLIC_KEY_VARIABLE: _PLAN.public_key})
_volume = modal.Volume.from_name(_PLAN.volume, create_if_missing=True, version=2)
_image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install(ORT_GPU if _PLAN.gpu_or_none else ORT_CPU, *PACKAGES)
    .env({"ORT_DISABLE_TELEMETRY": "1"})
    .add_local_python_source("registry", "runtime_server", ignore=_NOT_SENT)
)


@app.cls(
    image=_image,
    gpu=_PLAN.gpu_or_none,
    cpu=CPU_CORES,
    memory=MEMORY_MIB,
    secrets=[_trusted],
    volumes={MOUNT: _volume.with_mount_options(read_only=True)},
    min_containers=_PLAN.min_containers,
    max_containers=_PLAN.max_containers,
    scaledown_window=_PLAN.idle_s,
    timeout=_PLAN.call_s,
    startup_timeout=_PLAN.start_s,
    # The router is the only one that tries again.
    retries=0,
    enable_memory_snapshot=True,
    include_source=False,
    # Results come back as CBOR: what the server reads cannot be code.
    _experimental_restrict_output=True,
)
@modal.concurrent(max_inputs=_INPUTS_AT_ONCE)
class Detector:
    """A pool of containers per model: Modal keeps one for each value of the parameters."""

    model_id: str = modal.parameter()
    digest: str = modal.parameter()

    @modal.enter(snap=True)
    def import_all(self) -> None:
        """In the CPU snapshot: what takes long to import, and touches no GPU."""
        import tokenizers  # noqa: F401

        import runtime_server.local_engine  # noqa: F401

    @modal.enter(snap=False)
    async def load(self) -> None:
        """After every restore. Raises RuntimeError: then the container does not come up."""
        from runtime_server.modal_worker import ModalWorker

        began = perf_counter()
        folder = Path(os.environ.get(FOLDER_VARIABLE, MOUNT)) / self.digest
        public_key = os.environ.get(PUBLIC_KEY_VARIABLE, "")
        try:
            self._worker = await ModalWorker.load(
                folder, self.model_id, self.digest, public_key=public_key
            )
        except EngineError as exc:
            # A plain one: it is to be understood wherever it is read.
            raise RuntimeError(f"{WORKER_FAILED}{exc}") from None
        self._worker.load_s = perf_counter() - began

    # Asynchronous: only so can one of several inputs be cancelled without its neighbours.
    @modal.method()
    async def predict(self, texts: list[str]) -> dict[str, Any]:
        """Scores of the texts, or the error of an input, as `runtime_server.modal_answer`."""
        try:
            return await self._worker.predict(texts)
        except EngineError as exc:
            raise RuntimeError(f"{WORKER_FAILED}{exc}") from None

    @modal.method()
    async def wake(self) -> dict[str, Any]:
        """Answers once the model is loaded."""
        return self._worker.awake()

    @modal.exit()
    async def close(self) -> None:
        """Free threads and memory."""
        if hasattr(self, "_worker"):
            await self._worker.close()


assert Detector.__name__ == CLASS_NAME or not modal.is_local()  # noqa: S101  # looked up by it
