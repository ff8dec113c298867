"""What a signal to stop does first: readiness falls, and load balancers get time to see it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# As a shell reports it.
KILLED_BY: Final = 128


@contextmanager
def drained(stop: Callable[[], None], drain_s: float) -> Iterator[None]:
    """Inside, the first signal calls `stop`, and what it did before only `drain_s` seconds later.

    A second signal ends the process at once. Signals belong to the main thread: in another one
    this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    stopping = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            os._exit(KILLED_BY + number)
        stopping = True
        stop()
        then = before[signal.Signals(number)]
        if callable(then):
            wait_s = drain_s if number == signal.SIGTERM else 0.0
            loop.call_soon_threadsafe(loop.call_later, wait_s, then, number, frame)

    for number in SIGNALS:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
