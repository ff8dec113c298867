"""Waiting for what another process or thread will have done."""

import time
from collections.abc import Callable


def wait_for(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    """Returns once it holds; fails when it has not for so long."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "what was waited for did not come"
        time.sleep(0.02)
