"""What is deployed to Modal: names, sizes and limits. Knows nothing of the modal package."""

from dataclasses import dataclass
from typing import Final, Self

from registry import Manifest
from runtime_server.settings import Settings

CLASS_NAME: Final = "Detector"
# How a container that does not start says why, in words of this project.
WORKER_FAILED: Final = "samegraph worker: "
# Of a container, beside its GPU.
CPU_CORES: Final = 4.0
MEMORY_MIB: Final = 8192
_GIB_PER_MIB: Final = 1 / 1024
NO_GPU: Final = "none"

# US dollars per hour, to be compared with https://modal.com/pricing before money depends on it:
# list prices change. MODAL_USD_PER_HOUR overrides.
_USD_PER_HOUR: Final = {
    NO_GPU: 0.0,
    "T4": 0.5904,
    "L4": 0.7992,
    "A10": 1.1016,
    "L40S": 1.9512,
    "A100": 2.0988,
    "A100-40GB": 2.0988,
    "A100-80GB": 2.4984,
    "H100": 3.9492,
    "H200": 4.5396,
    "B200": 6.2496,
}
_USD_PER_CORE_HOUR: Final = 0.0473
_USD_PER_GIB_HOUR: Final = 0.0080


@dataclass(frozen=True)
class ModalPlan:
    """Seconds are of one container: `idle_s` without work until it ends, `start_s` to be up."""

    app: str
    volume: str
    gpu: str
    min_containers: int
    max_containers: int
    idle_s: int
    call_s: int
    start_s: int

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
        )

    @property
    def gpu_or_none(self) -> str | None:
        """As the modal package takes it."""
        return None if self.gpu == NO_GPU else self.gpu


def usd_per_hour(settings: Settings) -> float | None:
    """What a container costs while it is up; None where the price of its GPU is not known."""
    if settings.modal_usd_per_hour is not None:
        return settings.modal_usd_per_hour
    gpu = _USD_PER_HOUR.get(settings.modal_gpu)
    if gpu is None:
        return None
    memory = MEMORY_MIB * _GIB_PER_MIB * _USD_PER_GIB_HOUR
    return gpu + CPU_CORES * _USD_PER_CORE_HOUR + memory


def volume_folder(manifest: Manifest) -> str:
    """Where the artifact is in the Volume: its digest, so that nothing is ever overwritten."""
    return f"/{manifest.digest}"
