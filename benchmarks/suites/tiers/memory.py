"""Memory of processes, what they share counted once."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil

from benchmarks.serving.usage import tree


def below(pid: int | None = None) -> Iterator[psutil.Process]:
    """Every process below `pid`, or below this one."""
    with suppress(psutil.NoSuchProcess):
        yield from psutil.Process(os.getpid() if pid is None else pid).children(recursive=True)


def named_below(part: str) -> Iterator[psutil.Process]:
    """Processes below this one with that in their names."""
    for process in below():
        with suppress(psutil.NoSuchProcess):
            if part in process.name().lower():
                yield process


def tree_mb(pid: int) -> float:
    """Of the process and all below it."""
    return memory_mb(tree(pid))


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Proportional set size where the system knows it (Linux), else resident; 10^6 bytes."""
    return sum(map(_bytes, processes)) / 1e6


def end(pid: int) -> None:
    """The process and all below it, at once."""
    with suppress(psutil.NoSuchProcess):
        for process in (*below(pid), psutil.Process(pid)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _bytes(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        try:
            found = process.memory_full_info()
        except psutil.AccessDenied:
            return int(process.memory_info().rss)
        return int(getattr(found, "pss", found.rss))
    return 0
