"""An artifact on its way into a store: gathered in a folder beside, then published whole."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from registry import (
    AlreadyPublishedError,
    Artifact,
    FileStore,
    Manifest,
    NotFoundError,
    RegistryError,
)
from registry.manifest import ArtifactFile
from registry.store import verify_file


@dataclass(frozen=True)
class Delivery:
    """`root` is the folder of the store. All methods hash files: blocking."""

    root: Path
    manifest: Manifest

    @property
    def folder(self) -> Path:
        """Where files wait until all are there. It is hidden, and named by what it will hold."""
        return self.root / f".download-{self.manifest.digest}"

    def arrived(self) -> Artifact | None:
        """The artifact, if the store has it and its files are undamaged.

        Raises:
            AlreadyPublishedError: the store has this version with other content.
        """
        try:
            artifact = FileStore(self.root).resolve(self.manifest.reference)
        except NotFoundError:
            return None
        if artifact.manifest.digest != self.manifest.digest:
            raise AlreadyPublishedError(
                f"{self.root} has {self.manifest.reference} with other content; remove it first"
            )
        return artifact if _verified(artifact) else None

    def missing(self) -> tuple[ArtifactFile, ...]:
        """Files that an earlier attempt has not brought."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return tuple(file for file in self.manifest.files if not self._has(file))

    def publish(self) -> Artifact:
        """Make the artifact visible, all or nothing. Raises RegistryError."""
        artifact = FileStore(self.root).publish(self.manifest, self.folder)
        shutil.rmtree(self.folder)
        return artifact

    def _has(self, file: ArtifactFile) -> bool:
        try:
            verify_file(self.folder, file)
        except RegistryError:
            return False
        return True


def _verified(artifact: Artifact) -> bool:
    try:
        artifact.verify()
    except RegistryError:
        return False
    return True
