"""What a caller needs to run a model itself: addresses and digests of its files."""

from typing import Self

from pydantic import BaseModel, ConfigDict

from registry import Manifest
from registry.manifest import ArtifactFile


class DelegatedFile(BaseModel):
    """One file to download, and what it must be. The address is pinned to the sha256."""

    model_config = ConfigDict(frozen=True)

    path: str
    url: str
    sha256: str
    bytes: int


class Delegation(BaseModel):
    """Addresses are paths on this server."""

    model_config = ConfigDict(frozen=True)

    manifest_url: str
    files: tuple[DelegatedFile, ...]
    digest: str
    manifest: Manifest

    @classmethod
    def of(cls, manifest: Manifest, root_path: str = "") -> Self:
        """The delegation of a model; `root_path` is where a proxy has mounted the server."""
        return cls(
            manifest_url=manifest_url(manifest, root_path),
            files=tuple(_delegated(manifest, file, root_path) for file in manifest.files),
            digest=manifest.digest,
            manifest=manifest,
        )


def manifest_url(manifest: Manifest, root_path: str = "") -> str:
    """Where the manifest of exactly this version is."""
    return f"{root_path}/models/{manifest.reference}"


def download_url(manifest: Manifest, file: ArtifactFile, root_path: str = "") -> str:
    """Where exactly these bytes are."""
    base = manifest_url(manifest, root_path)
    return f"{base}/download?file={file.path}&sha256={file.sha256}"


def _delegated(manifest: Manifest, file: ArtifactFile, root_path: str) -> DelegatedFile:
    url = download_url(manifest, file, root_path)
    return DelegatedFile(path=file.path, url=url, sha256=file.sha256, bytes=file.bytes)
