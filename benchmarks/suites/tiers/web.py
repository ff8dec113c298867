"""The library wherever JavaScript runs: what is asked of it, and the site that a browser visits."""

import gzip
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psutil

from benchmarks.suites.tiers.allowance import parts_of
from benchmarks.suites.tiers.memory import memory_mb
from benchmarks.suites.web.line import UNTHROTTLED
from benchmarks.suites.web.site import LIBRARY, served
from registry import Artifact

HERE: Final = Path(__file__).resolve().parent
# Where timers tick every millisecond, faster answers are timed together.
FAST_MS: Final = 10.0
TOGETHER: Final = 10
# What a page of the library asks for beside the artifact; the last one where it reads tokens.
SCRIPTS: Final = ("index.js", "worker.js", "ort-wasm-simd-threaded.wasm")
TOKEN_SCRIPT: Final = "tokens.js"  # noqa: S105
MANIFEST: Final = "manifest.json"
TOLD: Final = (
    "WebAssembly, one thread; cold: from the navigation of a browser that runs and has never been "
    "there, files from loopback; memory of the whole browser"
)
# Hosts compress these, and leave a graph as it is.
COMPRESSED: Final = (".js", ".json", ".wasm")
GZIP_LEVEL: Final = 6


@dataclass
class Scripted:
    """A Running that is asked through `call(name, *arguments)`."""

    first_ms: float
    call: Callable[..., Any]
    processes: Callable[[], Iterable[psutil.Process]]
    _fastest_ms: float = float("inf")

    def ask(self, text: str, times: int) -> list[float]:
        """Samples, each the mean of ten answers once they are known to be fast."""
        group = TOGETHER if self._fastest_ms < FAST_MS else 1
        found: list[float] = self.call("timed", text, times, group)
        self._fastest_ms = min(self._fastest_ms, *found)
        return found

    def crowd(self, text: str, callers: int, texts: int) -> list[float]:
        """Callers of one detector, which has one worker."""
        parts = parts_of(texts, callers)
        some = texts // parts
        return [some / self.call("crowd", text, callers, some) for _ in range(parts)]

    def memory_mb(self) -> float:
        """Of all its processes."""
        return memory_mb(self.processes())


@cache
def version_of(program: Path) -> str:
    """As it says itself; empty where it does not."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def missing() -> str | None:
    """Why there is no library; None where there is."""
    return None if (LIBRARY / "index.js").is_file() else "the web bundle is not built: make web"


def why_not(artifact: Artifact) -> str | None:
    """Why the library cannot run it; None where it can."""
    browser = artifact.manifest.runtime.browser
    return None if browser.supported else "; ".join(browser.reasons)


@contextmanager
def site(artifact: Artifact) -> Iterator[str]:
    """The address of a host of the page, the library and the artifact."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("page.html", "asking.js"):
            os.symlink(HERE / file, folder / file)
        os.symlink(LIBRARY, folder / "samegraph")
        (folder / "models").mkdir()
        os.symlink(artifact.folder, folder / "models" / artifact.manifest.model_id)
        with served(folder, UNTHROTTLED) as there:
            yield there.url


def page_address(url: str, artifact: Artifact, text: str) -> str:
    """Of the page that answers the text."""
    return f"{url}page.html?{urlencode({'model': artifact.manifest.model_id, 'text': text})}"


def first_visit_bytes(artifact: Artifact) -> int:
    """What comes from a host that compresses scripts, WebAssembly and JSON by gzip."""
    own = [file.path for file in artifact.manifest.files if file.path != "golden.jsonl"]
    scripts = SCRIPTS if artifact.manifest.input.kind == "text" else (*SCRIPTS, TOKEN_SCRIPT)
    paths = [artifact.folder / name for name in (MANIFEST, *own)]
    return sum(map(_sent_bytes, [*paths, *(LIBRARY / name for name in scripts)]))


@cache
def _sent_bytes(path: Path) -> int:
    if path.suffix not in COMPRESSED:
        return path.stat().st_size
    return len(gzip.compress(path.read_bytes(), GZIP_LEVEL))
