"""What commands take: time on the clock, and memory of all their processes together."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from benchmarks.serving.usage import usage

LOOK_S = 0.1
# What comes from a folder needs no network; a hub that cannot be reached would be waited for.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class CommandError(Exception):
    """A command that failed, and its last line."""


@dataclass(frozen=True)
class Cost:
    """Seconds, and the most that the process tree held at once; looked at ten times a second."""

    seconds: float
    peak_bytes: int


def cost_of(commands: Iterable[tuple[str, ...]]) -> Cost:
    """Of all, one after the other. Raises CommandError."""
    costs = [_cost(command) for command in commands]
    return Cost(sum(one.seconds for one in costs), max(one.peak_bytes for one in costs))


def _cost(command: tuple[str, ...]) -> Cost:
    peak, began = 0, time.perf_counter()
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        environment = {**os.environ, **OFFLINE}
        with subprocess.Popen(command, env=environment, stdout=said, stderr=said) as running:
            while _goes_on(running):
                # It may end while it is looked at.
                with suppress(psutil.Error):
                    peak = max(peak, usage(running.pid).resident)
        seconds = time.perf_counter() - began
        if running.returncode:
            said.seek(0)
            last = said.read().strip().splitlines()[-1:]
            raise CommandError(f"status {running.returncode}: {''.join(last)}")
    return Cost(seconds, peak)


def _goes_on(running: subprocess.Popen[bytes]) -> bool:
    try:
        running.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return True
    return False
