"""The artifact store: `<root>/<model_id>/<version>/` with manifest.json and its files.

Nothing half-written is ever visible: publish writes beside, verifies every digest, syncs, renames.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version
from pydantic import ValidationError

from registry.digest import sha256_of_file
from registry.errors import (
    AlreadyPublishedError,
    DigestMismatchError,
    ManifestError,
    NoSpaceError,
    NotFoundError,
)
from registry.manifest import MANIFEST_FILE, ArtifactFile, Manifest
from registry.whole_file import sync_file

DEFAULT_ROOT = Path(__file__).resolve().parent / "artifacts"
_DIGEST = re.compile(r"^(sha256:)?[0-9a-f]{64}$")
_WORKSPACE_PREFIX = ".staging-"
# The disk, the user's part of it, the largest file that a process may write.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Artifact:
    """A published artifact: its manifest and the folder that holds its files."""

    manifest: Manifest
    folder: Path

    def path(self, name: str) -> Path:
        """Where the file `name` is. Raises NotFoundError if the manifest does not list it."""
        if self.manifest.file(name) is None:
            listed = ", ".join(file.path for file in self.manifest.files)
            raise NotFoundError(f"{self.manifest.reference} has no file {name!r}; it has {listed}")
        return self.folder / name

    def verify(self) -> None:
        """Re-hash every file. Raises NotFoundError or DigestMismatchError naming the file."""
        for file in self.manifest.files:
            verify_file(self.folder, file)


def verify_file(folder: Path, file: ArtifactFile) -> None:
    """Check one file against its entry. Raises NotFoundError or DigestMismatchError."""
    path = folder / file.path
    if path.is_symlink() or not path.is_file():
        raise NotFoundError(f"{path} is missing (or not a plain file)")
    if path.stat().st_size != file.bytes:
        raise DigestMismatchError(f"{path} has {path.stat().st_size} bytes, not {file.bytes}")
    actual = sha256_of_file(path)
    if actual != file.sha256:
        raise DigestMismatchError(f"{path} has sha256 {actual}, the manifest says {file.sha256}")


class FileStore:
    """Artifacts in a folder. Cheap to create; reads the disk on every call."""

    def __init__(self, root: Path = DEFAULT_ROOT) -> None:
        self.root = root

    def publish(self, manifest: Manifest, source: Path, *, replace: bool = False) -> Artifact:
        """Copy the manifest's files from `source` into the store, all or nothing.

        Raises:
            AlreadyPublishedError: the version exists with another digest, and `replace` is false.
            NotFoundError, DigestMismatchError: a file in `source` is not what the manifest says.
            NoSpaceError: the disk is full.
        """
        final = self.root / manifest.model_id / manifest.version
        if final.exists() and not replace:
            published = self._read(final).manifest.digest
            if published != manifest.digest:
                raise AlreadyPublishedError(
                    f"{manifest.reference} is published as {published}; raise the version, "
                    "or replace it on purpose"
                )
        with self._room_for(manifest), self._workspace() as workspace:
            staged = workspace / "new"
            _copy_verified(manifest, source, staged)
            final.parent.mkdir(parents=True, exist_ok=True)
            if final.exists():
                final.rename(workspace / "old")
            staged.rename(final)
            _sync_folder(final.parent)
        return Artifact(manifest, final)

    def holds(self, manifest: Manifest) -> bool:
        """Whether exactly this artifact is here, whole.

        Raises:
            ManifestError: what is here under its name cannot be read.
        """
        try:
            published = self.resolve(manifest.reference)
            published.verify()
        except (NotFoundError, DigestMismatchError):
            return False
        return published.manifest.digest == manifest.digest

    def artifacts(self) -> tuple[Artifact, ...]:
        """Every artifact, by model id, oldest version first. Raises ManifestError."""
        return tuple(artifact for model_id in self.model_ids() for artifact in self._of(model_id))

    def model_ids(self) -> tuple[str, ...]:
        """The ids of all models, sorted."""
        if not self.root.is_dir():
            return ()
        folders = (entry for entry in self.root.iterdir() if _is_visible_folder(entry))
        return tuple(sorted(f.name for f in folders if any(f.glob(f"*/{MANIFEST_FILE}"))))

    def resolve(self, reference: str) -> Artifact:
        """The artifact that `id`, `id@latest`, `id@version` or `[sha256:]digest` names.

        Raises:
            NotFoundError: nothing in the store has that name.
            ManifestError: its manifest cannot be read.
        """
        if _DIGEST.match(reference):
            return self._by_digest(reference.removeprefix("sha256:"))
        model_id, _, version = reference.partition("@")
        candidates = self._of(model_id) if model_id in self.model_ids() else ()
        if version not in ("", "latest"):
            candidates = tuple(a for a in candidates if a.manifest.version == version)
        if not candidates:
            known = ", ".join(self.model_ids()) or "no models; `make export` builds them"
            raise NotFoundError(f"{reference!r} is not in {self.root} (it has {known})")
        return candidates[-1]

    def remove(self, reference: str) -> Artifact:
        """Delete one version, named as `id@version`. Raises NotFoundError."""
        if "@" not in reference or reference.endswith("@latest"):
            raise NotFoundError(f"name one version, as in {reference.partition('@')[0]}@1.0.0")
        artifact = self.resolve(reference)
        with self._workspace() as workspace:
            artifact.folder.rename(workspace / "old")
        if not any(artifact.folder.parent.iterdir()):
            artifact.folder.parent.rmdir()
        return artifact

    def _of(self, model_id: str) -> tuple[Artifact, ...]:
        manifests = (self.root / model_id).glob(f"*/{MANIFEST_FILE}")
        artifacts = (self._read(path.parent) for path in manifests)
        return tuple(sorted(artifacts, key=lambda a: Version(a.manifest.version)))

    def _by_digest(self, digest: str) -> Artifact:
        for artifact in self.artifacts():
            if artifact.manifest.digest == digest:
                return artifact
        raise NotFoundError(f"no artifact in {self.root} has digest {digest}")

    def _read(self, folder: Path) -> Artifact:
        path = folder / MANIFEST_FILE
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise NotFoundError(f"{path} is missing") from None
        except ValidationError as exc:
            raise ManifestError(f"{path} is not a valid manifest: {_first_line(exc)}") from exc
        if (manifest.model_id, manifest.version) != (folder.parent.name, folder.name):
            raise ManifestError(f"{path} is the manifest of {manifest.reference}")
        return Artifact(manifest, folder)

    @contextmanager
    def _room_for(self, manifest: Manifest) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            if exc.errno not in _FULL:
                raise
            raise NoSpaceError(
                f"{self.root} has no room for {manifest.reference}, "
                f"{manifest.size_bytes / 1e6:.1f} MB; make some, and publish again"
            ) from exc

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_WORKSPACE_PREFIX, dir=self.root) as name:
            yield Path(name)


def _is_visible_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")


def _first_line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _copy_verified(manifest: Manifest, source: Path, target: Path) -> None:
    target.mkdir()
    for file in manifest.files:
        if (source / file.path).is_symlink() or not (source / file.path).is_file():
            raise NotFoundError(f"{source / file.path} is missing (or not a plain file)")
        shutil.copyfile(source / file.path, target / file.path)
        verify_file(target, file)
        sync_file(target / file.path)
    (target / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    sync_file(target / MANIFEST_FILE)
    _sync_folder(target)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
