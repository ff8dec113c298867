"""One fault after the other under a steady load, and the end of everything."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.chaos.faults import faults
from benchmarks.chaos.stage import PATIENCE_S, TEXT, ChaosError, Stage
from benchmarks.chaos.tally import Tally
from benchmarks.serving.traffic import Sending, Stream

# Requests that are under way when everything is told to stop.
LAST: Final = 40
SETTLE_S: Final = 1.0
# As /proc/net/tcp says it.
ESTABLISHED: Final = "01"


def tallies(
    stage: Stage, *, per_s: float, seconds: float, short: bool
) -> Iterator[tuple[str, Tally]]:
    """Each fault's name, and what became of the requests before, during and after it.

    Raises:
        ChaosError: something did not come back.
    """
    authority = stage.topology.certificate
    for fault in faults(short=short):
        steady = stage.stream("steady", per_s)
        sending = Sending(steady, *fault.streams(stage), authority=authority)
        try:
            time.sleep(SETTLE_S)
            with fault.broken(stage):
                time.sleep(seconds)
            stage.await_all_well()
        finally:
            answers = sending.stop()
        yield fault.name, Tally.of(item for one in answers.values() for item in one.items)
    yield "everything is stopped", _end(stage)


def _end(stage: Stage) -> Tally:
    """Every part gets its signal at once, with requests under way; all of them must be answered."""
    body = json.dumps({"texts": [TEXT] * 100})
    url = f"{stage.topology.url}/batch-predict"
    stream = Stream(name="last", url=url, bodies=(body,), callers=LAST, requests=LAST)
    sending = Sending(stream, authority=stage.topology.certificate)
    _until_connected(int(stage.topology.url.rpartition(":")[2]))
    for part in stage.topology.parts:
        part.signal_to_stop()
    answers = sending.wait()["last"]
    statuses = [part.wait() for part in stage.topology.parts]
    if any(statuses):
        raise ChaosError(f"parts ended with {statuses}, not with 0")
    return Tally.of(answers.items)


def _until_connected(port: int) -> None:
    """Return once nginx has the callers' connections, and their requests a moment later."""
    deadline = time.monotonic() + PATIENCE_S
    while _connections(port) < LAST:
        if time.monotonic() > deadline:
            raise ChaosError("the last requests did not come")
        time.sleep(0.02)
    time.sleep(0.3)


def _connections(port: int) -> int:
    # psutil would look at every file of every process, and be too late on a busy machine.
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    columns = (line.split() for line in lines)
    return sum(
        local.endswith(f":{port:04X}") and state == ESTABLISHED
        for _, local, _, state, *_ in columns
    )
