"""What processes take, of real ones."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from benchmarks.serving.usage import usage

# A process that does nothing itself; its child works for a while, holds 60 MB, and says so.
CHILD = "held = bytearray(b'x') * 60_000_000; sum(range(3_000_000)); print(1, flush=True); input()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.fixture
def parent() -> Iterator[int]:
    command = [sys.executable, "-c", PARENT, CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate(b"\n")


def test_children_count_for_the_process_that_started_them(parent: int) -> None:
    found = usage(parent)
    assert found.resident > 60_000_000
    assert found.cpu_s > 0.02
    assert found.files >= 6


def test_cpu_time_stands_still_while_nothing_is_done(parent: int) -> None:
    before = usage(parent).cpu_s
    time.sleep(0.3)
    assert usage(parent).cpu_s - before < 0.1
