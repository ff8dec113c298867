"""Counts that workers share, in files of one folder: prometheus_client's multiprocess mode."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client.multiprocess import mark_process_dead

# prometheus_client reads it when it is imported: workers, new processes, then count in files.
VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A private folder that processes started meanwhile count in; it is removed at the end."""
    with TemporaryDirectory(prefix="samegraph-metrics-") as folder:
        os.environ[VARIABLE] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[VARIABLE]


def folder_of_this_process() -> Path | None:
    """Where this process shares its counts; None where it counts alone."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


def forget_gone(folder: Path, gone: Iterable[int]) -> None:
    """Take the gauges of processes that have ended out; what they counted stays counted."""
    for pid in gone:
        mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
