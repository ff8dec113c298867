"""Manifests, digests, the artifact store and norm-1: the contracts that all other parts share."""

from registry.digest import sha256_of_bytes, sha256_of_file
from registry.errors import (
    AlreadyPublishedError,
    DigestMismatchError,
    ManifestError,
    NoSpaceError,
    NotFoundError,
    RegistryError,
    SignatureError,
)
from registry.manifest import Backend, Manifest, SizeCategory
from registry.normalizer import norm1
from registry.store import Artifact, FileStore

__all__ = [
    "AlreadyPublishedError",
    "Artifact",
    "Backend",
    "DigestMismatchError",
    "FileStore",
    "Manifest",
    "ManifestError",
    "NoSpaceError",
    "NotFoundError",
    "RegistryError",
    "SignatureError",
    "SizeCategory",
    "norm1",
    "sha256_of_bytes",
    "sha256_of_file",
]
