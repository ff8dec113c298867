"""The record of a build, kept beside the artifacts: what it cost, and what it was made from.

`<root>/.builds/<model_id>/<version>.json`: an artifact's folder holds nothing but its own files.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from registry.manifest import Frozen, Manifest, Sha256
from registry.whole_file import write_whole

FOLDER = ".builds"
BYTES_OF_FP32 = 4
# What the build holds of a model at worst: framework, graph and session; and the packages.
COPIES_OF_WEIGHTS = 3
PACKAGES_BYTES = 1_500_000_000

BuildInputs = Mapping[str, Mapping[str, str]]


class PassCost(Frozen):
    """Seconds and peak resident bytes of one pass; "start" is the loading of the packages."""

    name: str
    seconds: float = Field(ge=0)
    peak_rss_bytes: int = Field(ge=0)


class BuildRecord(Frozen):
    """One build: `digest` is the artifact's, `parameters` the number of its weights."""

    digest: Sha256
    passes: tuple[PassCost, ...] = Field(min_length=1)
    parameters: int = Field(ge=0)
    inputs: BuildInputs
    machine: str

    @property
    def seconds(self) -> float:
        """Of all passes."""
        return sum(cost.seconds for cost in self.passes)

    @property
    def peak_rss_bytes(self) -> int:
        """Of the hungriest pass."""
        return max(cost.peak_rss_bytes for cost in self.passes)

    @property
    def memory_bound_bytes(self) -> int:
        """What a build of so many weights may hold."""
        return COPIES_OF_WEIGHTS * BYTES_OF_FP32 * self.parameters + PACKAGES_BYTES

    @property
    def is_over_bound(self) -> bool:
        """Whether the build held more than it may."""
        return self.peak_rss_bytes > self.memory_bound_bytes


def read_record(root: Path, manifest: Manifest) -> BuildRecord | None:
    """The record of the build that made this artifact; None where there is none."""
    try:
        record = BuildRecord.model_validate_json(_path(root, manifest).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return record if record.digest == manifest.digest else None


def write_record(root: Path, manifest: Manifest, record: BuildRecord) -> None:
    """Keep the record, in place of an earlier one."""
    path = _path(root, manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (record.model_dump_json(indent=2) + "\n").encode())


def _path(root: Path, manifest: Manifest) -> Path:
    return root / FOLDER / manifest.model_id / f"{manifest.version}.json"
