"""Real server processes, for tests and benchmarks."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import httpx
import psutil

START_SECONDS = 60
STOP_SECONDS = 10


@dataclass(frozen=True)
class Program:
    """A server that runs: its address, its process, and how long it took to be ready."""

    url: str
    pid: int
    ready_s: float


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def live_server(**settings: str) -> Iterator[str]:
    """`python -m runtime_server` with these settings; yields its URL once it is ready."""
    with runtime_server(**settings) as running:
        yield running.url


@contextmanager
def runtime_server(**settings: str) -> Iterator[Program]:
    """The same, with its process."""
    port = free_port()
    command = [sys.executable, "-m", "runtime_server", "--port", str(port)]
    with program(command, port, "/readyz", settings) as running:
        yield running


@contextmanager
def program(
    command: Sequence[str], port: int, ready: str, settings: Mapping[str, str]
) -> Iterator[Program]:
    """Run a server until the block ends; yields once it answers 200 at the path `ready`.

    Raises RuntimeError with its last words if it ends before, and TimeoutError.
    """
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(f"{url}{ready}", process, log)
            yield Program(url, process.pid, time.perf_counter() - began)
        finally:
            _stop(process)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            raise RuntimeError(f"the server ended: {log.read().decode(errors='replace')[-2000:]}")
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.05)
    raise TimeoutError(f"{url} was not ready within {START_SECONDS} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Its children too, whatever it does about them itself."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()
