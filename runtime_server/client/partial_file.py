"""A file on its way: written beside, hashed as it comes, renamed once it is what it must be."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import BufferedRandom
from pathlib import Path
from typing import Self

from registry import DigestMismatchError
from registry.manifest import ArtifactFile


class PartialFile:
    """What there is of `entry`; `opened` goes on where an earlier attempt has ended."""

    def __init__(self, file: BufferedRandom, entry: ArtifactFile) -> None:
        file.seek(0)
        self._hash = hashlib.file_digest(file, "sha256")
        self._n_bytes = file.tell()
        self._file = file
        self._entry = entry

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, entry: ArtifactFile) -> Iterator[Self]:
        """Its name is that of the file with `.part` until it is whole.

        Raises:
            DigestMismatchError: the bytes are not those of `entry`; they are deleted.
        """
        path = folder / f"{entry.path}.part"
        try:
            with path.open("a+b") as file:
                partial = cls(file, entry)
                yield partial
                partial.require_whole()
        except DigestMismatchError:
            path.unlink()
            raise
        os.replace(path, folder / entry.path)

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self._n_bytes == self._entry.bytes

    @property
    def headers(self) -> dict[str, str]:
        """For a request of what is missing (RFC 9110, 13.1.5 and 14.2)."""
        # The graph as it is on disk: a range of compressed bytes would be no use.
        plain = {"Accept-Encoding": "identity"}
        if not 0 < self._n_bytes < self._entry.bytes:
            return plain
        wanted = {"Range": f"bytes={self._n_bytes}-", "If-Range": f'"{self._entry.sha256}"'}
        return {**plain, **wanted}

    def begin(self, status: int) -> None:
        """An answer of this status comes: 206 is what is missing, 200 is everything."""
        if status != HTTPStatus.PARTIAL_CONTENT:
            self._file.truncate(0)
            self._hash = hashlib.sha256()
            self._n_bytes = 0

    def write(self, chunk: bytes) -> None:
        """The next bytes. Raises DigestMismatchError where they are more than there can be."""
        self._n_bytes += len(chunk)
        if self._n_bytes > self._entry.bytes:
            raise DigestMismatchError(f"{self._entry.path} has more than {self._entry.bytes} bytes")
        self._file.write(chunk)
        self._hash.update(chunk)

    def require_whole(self) -> None:
        """Raises DigestMismatchError."""
        if self._hash.hexdigest() != self._entry.sha256:
            raise DigestMismatchError(
                f"{self._entry.path} has sha256 {self._hash.hexdigest()} after {self._n_bytes} "
                f"bytes, the manifest says {self._entry.sha256}"
            )
