"""An artifact on its way to machines that share no disk with this one."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Self, TypeVar

from registry import Artifact, DigestMismatchError, Manifest

R = TypeVar("R")  # what stands for a piece on the way
# A machine holds one of them beside the file that it writes.
_PIECE_BYTES: Final = 32_000_000


@dataclass(frozen=True)
class Shipment(Generic[R]):
    """The manifest, and each file in pieces."""

    manifest: str
    digest: str
    files: Mapping[str, Sequence[R]]

    @classmethod
    def of(cls, artifact: Artifact, put: Callable[[bytes], R]) -> Self:
        """`put` takes each piece. Raises OSError."""
        files = {
            file.path: [put(piece) for piece in _pieces(artifact.path(file.path))]
            for file in artifact.manifest.files
        }
        return cls(artifact.manifest.model_dump_json(), artifact.manifest.digest, files)

    @contextmanager
    def unpacked(self, get: Callable[[R], bytes]) -> Iterator[Artifact]:
        """The artifact in a folder that goes away afterwards; every file is as the manifest says.

        Raises:
            DigestMismatchError, ManifestError, OSError: it did not arrive as it was sent.
        """
        manifest = Manifest.model_validate_json(self.manifest)
        if manifest.digest != self.digest:
            raise DigestMismatchError(f"{manifest.reference} has another digest than was sent")
        with tempfile.TemporaryDirectory(prefix="samegraph-", ignore_cleanup_errors=True) as folder:
            artifact = Artifact(manifest, Path(folder))
            for name, pieces in self.files.items():
                _write(artifact.path(name), map(get, pieces))
            artifact.verify()
            yield artifact


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(pieces)
