"""The deployment's own files, and the topology that they describe, started on this machine."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.system_programs import PACKAGES, find_program
from benchmarks.topology import DEPLOY, NEEDED, Topology
from registry import Artifact

WEB = DEPLOY.parent / "web_bundle"
BUILT_PAGE = WEB / "dist" / "static"


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed."""
    for name in programs:
        if find_program(name) is None:
            package = PACKAGES[name]
            pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")


@pytest.fixture(scope="session")
def static() -> Iterator[Path]:
    """The built page as the image holds it, with a .gz and a .br beside each file."""
    if not (BUILT_PAGE / "index.html").is_file():
        pytest.skip("the page is not built (make web)")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "demo"
        shutil.copytree(BUILT_PAGE, page)
        # As `make web-publish` does it.
        script = "(await import(process.argv[1])).compressAll(process.argv[2])"
        compressed = WEB / "build" / "compressed.mjs"
        command = ["node", "--input-type=module", "-e", script, str(compressed), str(page)]
        subprocess.run(command, check=True)
        yield page


@contextmanager
def started(static: Path, **settings: str) -> Iterator[Topology]:
    """A topology of our own that serves lexical-tiny, with further settings of its replicas."""
    needs(*NEEDED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        api = {"AVAILABLE_MODELS": "lexical-tiny", **settings}
        with Topology(folder, static, api=api) as topology:
            yield topology


@pytest.fixture(scope="session")
def topology(static: Path, lexical_tiny: Artifact) -> Iterator[Topology]:
    """One for all tests that leave it as it was."""
    with started(static) as topology:
        yield topology
