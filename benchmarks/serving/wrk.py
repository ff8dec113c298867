"""The most that a server answers, by wrk: a closed loop that takes next to nothing itself."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

SCRIPT = Path(__file__).with_suffix(".lua")


class WrkError(Exception):
    """wrk failed, or had no answers to count."""


class Counted(BaseModel):
    """`answered` of which `bad` are not 200, and connections that were cut.

    `seconds` are from the moment at which as many as there are callers were answered, to the last
    answer.
    """

    model_config = ConfigDict(frozen=True)

    answered: int
    bad: int
    seconds: float
    cut: int

    def per_s(self, callers: int) -> float:
        """Answers a second. Raises WrkError where there are too few."""
        if self.answered <= callers or self.seconds <= 0:
            raise WrkError(f"{self.answered} answers for {callers} callers: too few to count")
        return (self.answered - callers) / self.seconds


def wrk(program: str, url: str, bodies: Sequence[str], callers: int, seconds: int) -> Counted:
    """POST the bodies in turn for so long. Raises WrkError."""
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "bodies"
        lines.write_text("\n".join(bodies), "utf-8")
        load = [f"--connections={callers}", "--threads=1", f"--duration={seconds}s"]
        command = [program, *load, "--timeout=30s", f"--script={SCRIPT}", url]
        given = ["--", str(lines), str(callers)]
        done = subprocess.run([*command, *given], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrkError((done.stderr or done.stdout).strip()[-200:])
    return Counted.model_validate_json(done.stdout.strip().splitlines()[-1])
