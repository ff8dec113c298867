"""Files that are there whole or not at all: written beside, synced, put in place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READABLE_BY_ALL = 0o666
READABLE_BY_OWNER = 0o600


@contextmanager
def replacing(path: Path, mode: int = READABLE_BY_ALL) -> Iterator[Path]:
    """A file to write, which then takes the place of `path`; an error leaves what was there.

    `mode` is what the umask is taken from, as for `os.open`. Raises OSError.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode))
        yield beside
        sync_file(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, mode: int = READABLE_BY_ALL) -> None:
    """`replacing`, for content that is at hand. Raises OSError."""
    with replacing(path, mode) as beside:
        beside.write_bytes(content)


def sync_file(path: Path) -> None:
    """Returns once the disk has it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
