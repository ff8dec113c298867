"""Threads that compute are nicer than the one that answers, and so are those of onnxruntime."""

import os
import sys
import threading
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from runtime_server.compute_threads import NICENESS, compute_threads
from tests.server.command import address, announced, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="niceness is of the process there")


def niceness(pid: int) -> dict[int, int]:
    """Of each thread of the process."""
    tasks = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    return {task: os.getpriority(os.PRIO_PROCESS, task) for task in tasks}


def test_a_thread_of_the_pool_is_nice_and_the_caller_is_not() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with compute_threads(1, "test") as threads:
        inside = threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        assert inside.result() == NICENESS
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_all_that_computes_in_a_server_gives_way_to_the_event_loop(
    root: Path, artifact: Artifact
) -> None:
    with started(root) as process:
        url = address(announced(process))
        assert httpx.post(f"{url}/predict", json={"text": "x" * 5000}).status_code == 200
        found = niceness(process.pid)
        assert found[process.pid] == os.getpriority(os.PRIO_PROCESS, 0)
        assert [nice for nice in found.values() if nice == NICENESS]
