"""Artifacts that tests change: a copy, and a manifest that fits its files again."""

import shutil
from pathlib import Path

from registry import Artifact, sha256_of_file
from registry.manifest import Manifest, artifact_digest


def copied(artifact: Artifact, root: Path, model_id: str | None = None) -> Artifact:
    """A copy in another store, under another name if one is given."""
    named = {"model_id": model_id or artifact.manifest.model_id}
    manifest = artifact.manifest.model_copy(update=named)
    folder = root / manifest.model_id / manifest.version
    shutil.copytree(artifact.folder, folder)
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    return Artifact(manifest, folder)


def republished(artifact: Artifact) -> Artifact:
    """The artifact with a manifest that fits its files as they are now."""
    manifest = artifact.manifest
    files = tuple(
        file.model_copy(
            update={
                "sha256": sha256_of_file(artifact.folder / file.path),
                "bytes": (artifact.folder / file.path).stat().st_size,
            }
        )
        for file in manifest.files
    )
    changed = {
        "files": files,
        "size_bytes": sum(file.bytes for file in files),
        "digest": artifact_digest(files, manifest),
    }
    manifest = Manifest.model_validate({**dict(manifest), **changed})
    (artifact.folder / "manifest.json").write_bytes(manifest.to_bytes())
    return Artifact(manifest, artifact.folder)
