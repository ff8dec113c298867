"""The most memory that a server takes while something is asked of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from benchmarks.serving.usage import usage

LOOK_EVERY_S: Final = 0.02


@dataclass
class Watched:
    """`most` is in bytes, resident, of a process and all below it."""

    pid: int
    most: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def most_mb(self) -> float:
        """In 10^6 bytes."""
        return self.most / 1e6

    def look(self) -> None:
        """Once."""
        self.most = max(self.most, usage(self.pid).resident)

    def keep_looking(self) -> None:
        """Until it is over."""
        while not self.over.wait(LOOK_EVERY_S):
            self.look()


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """Looks until the block ends."""
    found = Watched(pid)
    found.look()
    watching = threading.Thread(target=found.keep_looking)
    watching.start()
    try:
        yield found
    finally:
        found.over.set()
        watching.join()
        found.look()
