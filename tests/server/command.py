"""The real command in a process of its own, for tests."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runtime_server.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "runtime_server")


def environment(root: Path, **changes: str) -> Mapping[str, str]:
    names = {name.upper() for name in Settings.model_fields}
    inherited = {k: v for k, v in os.environ.items() if k not in names}
    return {
        **inherited,
        "PYTHONPATH": str(REPOSITORY),
        "REGISTRY_ROOT": str(root),
        "DEFAULT_MODEL": "hash-tiny",
        "PORT": "0",
        "COLUMNS": "100",
        **changes,
    }


def run(root: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, *arguments),
        env=environment(root, **changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def started(root: Path, *arguments: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        (*COMMAND, *arguments),
        env=environment(root, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that a signal reaches what a terminal's Ctrl-C reaches.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return "".join(lines)
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def address(message: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", message)
    assert found is not None
    return found[0]
