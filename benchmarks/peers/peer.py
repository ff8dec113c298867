"""The peers: how each is started here, on the same artifact."""

import ctypes.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.live_server import Program, free_port, program
from benchmarks.peers.dialect import CLASSIFY, LISTS, PLAIN, V2, Dialect
from benchmarks.peers.infinity_model import infinity_model
from benchmarks.peers.installation import ENVIRONMENTS, PeerMissingError, Tell, installed
from registry import Artifact

ROOT = Path(__file__).resolve().parent.parent.parent
# Triton's Python backend is linked against this very Python, and comes with no other.
DEBIANS_PYTHON = Path("/usr/bin/python3.11")


@dataclass(frozen=True)
class Peer:
    """Another server: `NAME_app.py` runs it, in the environment of `NAME.txt`.

    `folder` is where it finds the artifact, `base` the Python that its environment is made of;
    it raises PeerMissingError where that is not here.
    """

    name: str
    title: str
    dialect: Dialect
    folder: Callable[[Artifact], Path] = lambda artifact: artifact.folder
    base: Callable[[], Path | None] = lambda: None

    def python(self, tell: Tell) -> Path:
        """The interpreter of its environment, made where it is missing. Raises PeerMissingError."""
        return installed(self.name, tell, self.base())

    @contextmanager
    def running(self, artifact: Artifact, threads: int, tell: Tell) -> Iterator[Program]:
        """Serves the artifact until the block ends.

        Raises:
            PeerMissingError: it cannot be installed here.
            RuntimeError: it ended before it was ready; its last words.
            TimeoutError: it was not ready in time.
        """
        python = self.python(tell)
        tell(f"starting {self.title}")
        settings = {"ARTIFACT": str(self.folder(artifact)), "THREADS": str(threads)}
        with peer_program(self.name, python, settings, self.dialect.ready) as running:
            yield running


def debians_python() -> Path:
    """Raises PeerMissingError where it, or its library, is not installed."""
    if DEBIANS_PYTHON.exists() and ctypes.util.find_library("python3.11"):
        return DEBIANS_PYTHON
    raise PeerMissingError(
        f"Triton needs {DEBIANS_PYTHON} and its library: apt-get install python3.11-venv "
        "libpython3.11"
    )


PEERS = (
    Peer("naive", "FastAPI, no batching", PLAIN),
    Peer("litserve", "LitServe", PLAIN),
    Peer("mlserver", "MLServer", V2),
    Peer("bentoml", "BentoML", LISTS),
    Peer(
        "infinity",
        "infinity",
        CLASSIFY,
        folder=lambda artifact: infinity_model(artifact, ENVIRONMENTS / "infinity-models"),
    ),
    Peer("pytriton", "Triton (pytriton)", V2, base=debians_python),
)
BY_NAME = {peer.name: peer for peer in PEERS}


@contextmanager
def bare(answer: str) -> Iterator[Program]:
    """The route without a model; `answer` is the JSON that it gives."""
    with peer_program("bare", Path(sys.executable), {"ANSWER": answer}, PLAIN.ready) as running:
        yield running


@contextmanager
def peer_program(
    name: str, python: Path, settings: dict[str, str], ready: str
) -> Iterator[Program]:
    """`python -m benchmarks.peers.NAME_app` on a free port."""
    port = free_port()
    command = [str(python), "-m", f"benchmarks.peers.{name}_app"]
    given = {**settings, "PORT": str(port), "PYTHONPATH": str(ROOT)}
    with program(command, port, ready, given) as running:
        yield running
