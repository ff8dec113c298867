"""sha256 of files and of JSON values: the one name that content has."""

import hashlib
from pathlib import Path

import rfc8785
from pydantic import JsonValue


def sha256_of_bytes(content: bytes) -> str:
    """Lower-case hex sha256."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Lower-case hex sha256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_json(value: JsonValue) -> str:
    """Lower-case hex sha256 of the canonical JSON (RFC 8785) of `value`.

    RFC 8785 fixes key order and number format, so Python and JavaScript agree on the bytes.
    """
    return sha256_of_bytes(rfc8785.dumps(value))
