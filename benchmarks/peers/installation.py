"""Where each peer runs: a heavy one in a virtual environment of its own, made on demand."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.live_server import Program, free_port, program
from registry import Artifact

HERE = Path(__file__).resolve().parent
# Git-ignored.
ENVIRONMENTS = HERE.parent / ".peers"
NAMES = ("naive", "litserve")


class PeerMissingError(Exception):
    """A peer that cannot run here, and why."""


def installed(name: str, tell: Callable[[str], None]) -> Path:
    """The interpreter of the peer's environment, made where it is missing.

    Raises PeerMissingError.
    """
    tell(f"the environment of {name}")
    return _python(name)


@contextmanager
def peer(name: str, artifact: Artifact, threads: int) -> Iterator[Program]:
    """The peer, serving the artifact. Raises PeerMissingError."""
    settings = {"ARTIFACT": str(artifact.folder), "THREADS": str(threads)}
    with peer_program(name, _python(name), settings) as running:
        yield running


@contextmanager
def bare(answer: str) -> Iterator[Program]:
    """The route without a model; `answer` is the JSON that it gives."""
    with peer_program("bare", Path(sys.executable), {"ANSWER": answer}) as running:
        yield running


@contextmanager
def peer_program(name: str, python: Path, settings: dict[str, str]) -> Iterator[Program]:
    """`python -m benchmarks.peers.NAME_app` on a free port."""
    port = free_port()
    command = [str(python), "-m", f"benchmarks.peers.{name}_app"]
    given = {**settings, "PORT": str(port), "PYTHONPATH": str(HERE.parent.parent)}
    with program(command, port, "/health", given) as running:
        yield running


def _python(name: str) -> Path:
    requirements = HERE / f"{name}.txt"
    return _installed(name, requirements) if requirements.exists() else Path(sys.executable)


def _installed(name: str, requirements: Path) -> Path:
    """The interpreter of an environment that holds exactly what the file names."""
    folder = ENVIRONMENTS / name
    python, record = folder / "bin" / "python", folder / requirements.name
    wanted = requirements.read_text("ascii")
    if record.exists() and record.read_text("ascii") == wanted:
        return python
    venv.create(folder, clear=True, with_pip=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise PeerMissingError(f"pip cannot install {requirements.name}: {''.join(last)}")
    record.write_text(wanted, "ascii")
    return python
