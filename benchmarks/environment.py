"""Where a number was measured; without it the number is noise."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from export.jobs.machine import cpu_name
from registry import Artifact

PACKAGES = ("onnxruntime", "onnxruntime-gpu", "tokenizers", "numpy", "fastapi", "uvicorn")


@dataclass(frozen=True)
class Environment:
    """What must be equal before two results may be compared.

    `versions` are those of Python, Node.js and the packages that answer a request; `artifacts` are
    digests by `model_id@version`; memory is in 10^9 bytes.
    """

    cpu: str
    cores: int
    memory_gb: int
    system: str
    versions: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def current(cls, artifacts: Iterable[Artifact] = ()) -> "Environment":
        """This machine, now, with these artifacts."""
        return cls(
            cpu=cpu_name(),
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
            memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9),
            system=f"{platform.system()} {platform.machine()}",
            versions=_versions(),
            artifacts={one.manifest.reference: one.manifest.digest for one in artifacts},
        )

    @property
    def line(self) -> str:
        """As below a table."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_gb} GB, {self.system}, "
            f"Python {self.versions['python']}, onnxruntime {self.versions['onnxruntime']}"
        )

    def differences(self, other: "Environment") -> tuple[str, ...]:
        """What is not equal, each as in `cores: 2, 16`. Of artifacts, those that both have."""
        plain = (
            (name, getattr(self, name), getattr(other, name))
            for name in ("cpu", "cores", "memory_gb", "system")
        )
        versions = (
            (name, self.versions.get(name, "none"), other.versions.get(name, "none"))
            for name in sorted(self.versions.keys() | other.versions.keys())
        )
        digests = (
            (name, self.artifacts[name][:12], other.artifacts[name][:12])
            for name in sorted(self.artifacts.keys() & other.artifacts.keys())
        )
        compared = (*plain, *versions, *digests)
        return tuple(f"{name}: {own}, {its}" for name, own, its in compared if own != its)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if node := shutil.which("node"):
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        found["node"] = said.stdout.strip().removeprefix("v")
    return found
