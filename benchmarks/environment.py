"""Where a number was measured; without it the number is noise."""

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path


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
            cpu=_cpu_name(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            onnxruntime=version("onnxruntime"),
            artifact_digest=artifact_digest,
        )

    def as_json(self) -> dict[str, str | int]:
        """Plain values."""
        return asdict(self)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
