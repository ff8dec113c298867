"""The most that a server answers, by wrk: a closed loop that takes next to nothing itself."""

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict

SCRIPT = Path(__file__).with_suffix(".lua")
# Answers of one batch come within less.
GAP_S = 0.005


class WrkError(Exception):
    """wrk failed."""


class TooFewError(Exception):
    """A load that was too short for a rate."""


class Counted(BaseModel):
    """The moments of answers 200 in seconds; `bad` other answers, `cut` connections that failed."""

    model_config = ConfigDict(frozen=True)

    moments: tuple[float, ...]
    bad: int
    cut: int

    def per_s(self, callers: int) -> float:
        """Answers a second. Raises TooFewError.

        From the end of a batch, when each caller has had an answer, to the last answer: callers
        whose texts share a batch are answered together, and a part of one must not be counted.
        """
        counted = self.moments[self._start(callers) :]
        if len(counted) <= callers:
            raise TooFewError(f"{len(self.moments)} answers for {callers} callers are too few")
        return (len(counted) - 1) / (counted[-1] - counted[0])

    def _start(self, callers: int) -> int:
        """Where the answers pause first after the callers' first ones, if they ever do."""
        first = max(callers - 1, 0)
        after = self.moments[first : 2 * callers + 1]
        pauses = (at for at, (one, other) in enumerate(pairwise(after)) if other - one > GAP_S)
        return first + next(pauses, 0)


def wrk(program: str, url: str, bodies: Sequence[str], callers: int, seconds: int) -> Counted:
    """POST the bodies in turn for so long. Raises WrkError."""
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "bodies"
        lines.write_text("\n".join(bodies), "utf-8")
        load = [f"--connections={callers}", "--threads=1", f"--duration={seconds}s"]
        command = [program, *load, "--timeout=30s", f"--script={SCRIPT}", url, "--", str(lines)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrkError((done.stderr or done.stdout).strip()[-200:])
    return Counted.model_validate_json(done.stdout.strip().splitlines()[-1])
