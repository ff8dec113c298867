"""What a server's processes take from the machine."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """CPU seconds so far, resident bytes and open files now, of a process and all below it."""

    cpu_s: float
    resident: int
    files: int


def usage(pid: int) -> Usage:
    """Of the process tree under `pid`; a process that has ended counts no more."""
    cpu_s, resident, files = 0.0, 0, 0
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            cpu_s += times.user + times.system
            resident += process.memory_info().rss
            files += process.num_fds()
    return Usage(cpu_s, resident, files)


def tree(pid: int) -> Iterator[psutil.Process]:
    """The process and all below it, from the top. Raises NoSuchProcess."""
    top = psutil.Process(pid)
    yield top
    yield from top.children(recursive=True)
