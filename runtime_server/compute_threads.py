"""Threads that compute give way to the one that answers callers."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

# About a third of the weight of the event loop's thread, where they compete for a core.
NICENESS: Final = 5


def compute_threads(most: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads, and those that they start, yield to all others of the process.

    On Linux niceness is a thread's own (sched(7)). Without it a saturated server is slow even to
    say that it is.
    """
    return ThreadPoolExecutor(most, thread_name_prefix=name, initializer=_give_way)


def _give_way() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
