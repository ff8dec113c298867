"""What is deployed to Modal: names, sizes and limits. Knows nothing of the modal package."""

from dataclasses import dataclass
from typing import Final, Self

from registry import Manifest
from runtime_server.settings import Settings

CLASS_NAME: Final = "Detector"
# How a container that does not start says why, in words of this project.
WORKER_FAILED: Final = "samegraph worker: "
# How a container knows whose signature to ask for; empty: nobody's.
PUBLIC_KEY_VARIABLE: Final = "ARTIFACT_PUBLIC_KEY"
# Of a container, beside its GPU.
CPU_CORES: Final = 4.0
MEMORY_MIB: Final = 8192
NO_GPU: Final = "none"


@dataclass(frozen=True)
class ModalPlan:
    """Seconds are of one container: `idle_s` without work until it ends, `start_s` to be up.

    Containers run nothing that `public_key` (base64) has not signed; empty: they do not ask.
    """

    app: str
    volume: str
    gpu: str
    min_containers: int
    max_containers: int
    idle_s: int
    call_s: int
    start_s: int
    public_key: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            app=settings.modal_app_name,
            volume=settings.modal_volume,
            gpu=settings.modal_gpu,
            min_containers=settings.modal_min_containers,
            max_containers=settings.modal_max_containers,
            idle_s=settings.modal_idle_s,
            call_s=settings.modal_timeout_s,
            start_s=settings.modal_start_timeout_s,
            public_key=settings.artifact_public_key or "",
        )

    @property
    def gpu_or_none(self) -> str | None:
        """As the modal package takes it."""
        return None if self.gpu == NO_GPU else self.gpu


def volume_folder(manifest: Manifest) -> str:
    """Where the artifact is in the Volume: its digest, so that nothing is ever overwritten."""
    return f"/{manifest.digest}"
