"""The virtual environments of peers: each whole, with exactly what its file of pins names."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from registry.whole_file import write_whole

HERE = Path(__file__).resolve().parent
# Git-ignored.
ENVIRONMENTS = HERE.parent / ".peers"
# Of the packages that pip has found; between two of them it may take a while.
TOLD_EVERY = 10
LAST_WORDS = 20
Tell = Callable[[str], None]


class PeerMissingError(Exception):
    """A peer that cannot run here, and why."""


def installed(name: str, tell: Tell, base: Path | None = None) -> Path:
    """The interpreter of the peer's environment, made where it is missing, outdated or unfinished.

    A peer without a file of pins runs in this one. `base` is the Python to make it of, this one's
    where None.

    Raises:
        PeerMissingError: pip, or the base, cannot.
    """
    pins = HERE / f"{name}.txt"
    if not pins.exists():
        return Path(sys.executable)
    return environment(ENVIRONMENTS / name, pins, tell, base or Path(sys.executable))


def environment(folder: Path, pins: Path, tell: Tell, base: Path) -> Path:
    """The interpreter of an environment in `folder`; as `installed`."""
    python, record = folder / "bin" / "python", folder / "made_of.txt"
    wanted = f"{_version(base)}\n{pins.read_text('ascii')}"
    if record.exists() and record.read_text("ascii") == wanted and _version(python):
        return python
    tell(f"making an environment for {pins.stem}")
    for _ in _lines([str(base), "-m", "venv", "--clear", "--without-pip", str(folder)]):
        pass
    _install(python, pins, tell)
    # Last: an environment without it is made anew.
    write_whole(record, wanted.encode("ascii"))
    return python


def _version(python: Path) -> str:
    """Nothing where it does not run, as when the Python that it was made of is gone."""
    command = [str(python), "-c", "import sys; print(sys.version)"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def _install(python: Path, pins: Path, tell: Tell) -> None:
    count = sum(1 for line in pins.read_text("ascii").splitlines() if line.strip())
    # This environment's pip, for that one: it needs none of its own.
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-input"]
    found = (line for line in _lines([*command, "-r", str(pins)]) if line.startswith("Collecting"))
    for number, _ in enumerate(found, 1):
        if number % TOLD_EVERY == 0:
            tell(f"{pins.stem}: {number} of {count} packages found")
    tell(f"{pins.stem}: {count} packages installed")


def _lines(command: list[str]) -> Iterator[str]:
    """What it says, as it says it. Raises PeerMissingError once it has failed."""
    said: deque[str] = deque(maxlen=LAST_WORDS)
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        for line in running.stdout or ():
            said.append(line.strip())
            yield line
    if running.returncode:
        errors = [line for line in said if line.startswith("ERROR")] or list(said)
        raise PeerMissingError("; ".join(errors[-1:]) or f"{command[0]} failed")
