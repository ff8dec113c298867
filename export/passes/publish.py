"""publish: move the packaged artifact into the store, all or nothing."""

from export.passes.package import PackagedArtifact
from registry import Artifact, FileStore


def publish(packaged: PackagedArtifact, store: FileStore) -> Artifact:
    """Replace what the store has under this version: a local build is remade, not released."""
    return store.publish(packaged.manifest, packaged.folder, replace=True)
