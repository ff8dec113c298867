"""The library in programs of Node.js: by itself, and driving Firefox."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

from benchmarks.other_browsers import find_firefox
from benchmarks.suites.tiers import web
from benchmarks.suites.tiers.memory import below, end
from benchmarks.suites.tiers.place import PlaceError
from benchmarks.suites.web.site import WEB_BUNDLE
from registry import Artifact


@dataclass(frozen=True)
class Node:
    """The npm package, a detector in a worker thread."""

    name: str = "Node.js"
    told: str = "WebAssembly, one thread; cold: from the start of the process"

    def missing(self) -> str | None:
        """It needs Node.js and the library."""
        return web.missing() if shutil.which("node") else "no node on the PATH"

    def why_not(self, artifact: Artifact) -> str | None:
        """As the manifest says."""
        return web.why_not(artifact)

    def download_bytes(self, artifact: Artifact) -> int | None:
        """Nothing: package and artifact are on the disk."""
        return None

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator[web.Scripted]:
        """A process of its own."""
        began = perf_counter()
        with _program("node.mjs", (str(artifact.folder), text), within_s) as program:
            program.said()
            first_ms = (perf_counter() - began) * 1e3
            yield web.Scripted(first_ms, program.call, lambda: [psutil.Process(program.pid)])


@dataclass(frozen=True)
class Firefox:
    """The page in Firefox, driven over WebDriver BiDi."""

    name: str = "Firefox"

    @property
    def told(self) -> str:
        """See Place."""
        program = find_firefox()
        return f"{web.version_of(program) if program else ''}, {web.TOLD}"

    def missing(self) -> str | None:
        """It needs a browser, Node.js to drive it, and the library."""
        if find_firefox() is None or shutil.which("node") is None:
            return "no Firefox: python -m benchmarks.other_browsers installs one"
        return web.missing()

    def why_not(self, artifact: Artifact) -> str | None:
        """As the manifest says."""
        return web.why_not(artifact)

    def download_bytes(self, artifact: Artifact) -> int | None:
        """As in Chromium, where it is counted."""
        return None

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator[web.Scripted]:
        """A browser of its own."""
        with web.site(artifact) as url:
            order = (str(find_firefox()), web.page_address(url, artifact, text))
            with _program("firefox.mjs", order, within_s) as program:
                found = program.said()
                if isinstance(found, str):
                    raise PlaceError(found)
                yield web.Scripted(found, program.call, lambda: below(program.pid))


class _Program:
    """A process that answers a line of JSON by another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def call(self, *order: object) -> Any:  # noqa: ANN401 (what the script says)
        """Raises PlaceError where it ends instead."""
        if self._process.stdin is None:
            raise PlaceError("its input is closed")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.said()

    def said(self) -> Any:  # noqa: ANN401 (what the script says)
        """The next answer. Raises PlaceError."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise PlaceError("no answer in the time that there is")
        return json.loads(line)


@contextmanager
def _program(script: str, arguments: Sequence[str], within_s: float) -> Iterator[_Program]:
    """Ended after so many seconds, whatever it does then."""
    command: list[str | Path] = ["node", web.HERE / script, str(WEB_BUNDLE), *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    watch = threading.Timer(within_s, end, (process.pid,))
    watch.start()
    try:
        yield _Program(process)
    finally:
        watch.cancel()
        end(process.pid)
        process.communicate()
