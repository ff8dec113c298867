"""Where a number was measured; without it the number is noise."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version

from export.jobs.machine import cpu_name


@dataclass(frozen=True)
class Environment:
    """What must be equal before two results may be compared."""

    cpu: str
    cores: int
    system: str
    python: str
    onnxruntime: str
    artifact_digest: str

    @classmethod
    def current(cls, artifact_digest: str) -> "Environment":
        """This machine, now."""
        return cls(
            cpu=cpu_name(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            onnxruntime=version("onnxruntime"),
            artifact_digest=artifact_digest,
        )

    def as_json(self) -> dict[str, str | int]:
        """Plain values."""
        return asdict(self)
