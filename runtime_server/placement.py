"""Where on this machine a model runs: a decision without I/O."""

import enum
from dataclasses import dataclass
from typing import Final, Self

from registry import Manifest
from runtime_server.engine import Availability
from runtime_server.settings import Settings

GIGABYTE: Final = 1_000_000_000


class Place(enum.StrEnum):
    """The two kinds of memory."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True)
class MemoryBudget:
    """The most that all models of a process may take together, in bytes; None is no limit."""

    cpu_bytes: float | None
    gpu_bytes: float | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """A worker's share of what the settings state in GB: each loads its own models."""
        cpu, gpu = settings.vps_cpu_memory_gb, settings.vps_gpu_memory_gb
        share = GIGABYTE / settings.workers
        return cls(
            cpu_bytes=None if cpu is None else cpu * share,
            gpu_bytes=None if gpu is None else gpu * share,
        )

    def limit(self, place: Place) -> float | None:
        """Of where models run."""
        return self.gpu_bytes if place is Place.GPU else self.cpu_bytes

    def holds(self, memory_bytes: int, place: Place) -> bool:
        """Whether a model that takes `memory_bytes` fits, alone."""
        limit = self.limit(place)
        return limit is None or memory_bytes <= limit


def places(manifest: Manifest, budget: MemoryBudget, *, gpu: bool) -> tuple[Place, ...]:
    """Where the model fits, the faster place first; nothing where it is too large for both.

    `gpu` is whether there is one that may be used. Operators on strings have no CUDA kernels, so
    a graph that reads text stays on the CPU.
    """
    wanted = (Place.GPU, Place.CPU) if gpu and manifest.input.kind == "tokens" else (Place.CPU,)
    needed = manifest.runtime.memory_bytes
    return tuple(place for place in wanted if budget.holds(needed, place))


def availability(manifest: Manifest, budget: MemoryBudget, *, gpu: bool) -> Availability:
    """Whether there is a place for the model."""
    if places(manifest, budget, gpu=gpu):
        return Availability()
    needed = manifest.runtime.memory_bytes / GIGABYTE
    most = (budget.cpu_bytes or 0.0) / GIGABYTE
    detail = f"{manifest.reference} takes {needed:.2f} GB, a server process may use {most:.2f} GB"
    return Availability("exceeds_memory_budget", detail)
