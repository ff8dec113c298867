"""Reads an artifact's files only as what its manifest says they are."""

from registry import Artifact, DigestMismatchError, NotFoundError, sha256_of_bytes
from registry.store import verify_file
from runtime_server.errors import EngineError


def verified_bytes(artifact: Artifact, name: str) -> bytes:
    """Exactly the bytes that the manifest names.

    Raises:
        EngineError: artifact_missing, digest_mismatch.
    """
    path = artifact.path(name)
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise _missing(name) from exc
    actual = sha256_of_bytes(content)
    expected = artifact.manifest.file(name)
    if expected is None or actual != expected.sha256:
        raise _changed(name)
    return content


def verify_files(artifact: Artifact) -> None:
    """Hash every file, in blocks: for files too large to be held twice.

    Raises:
        EngineError: artifact_missing, digest_mismatch.
    """
    for file in artifact.manifest.files:
        try:
            verify_file(artifact.folder, file)
        except (NotFoundError, OSError) as exc:
            raise _missing(file.path) from exc
        except DigestMismatchError as exc:
            raise _changed(file.path) from exc


def _missing(name: str) -> EngineError:
    return EngineError("artifact_missing", f"{name} cannot be read")


def _changed(name: str) -> EngineError:
    return EngineError("digest_mismatch", f"the sha256 of {name} is not that of the manifest")
