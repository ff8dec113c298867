"""Hours in minutes: a steady load, and what grows under it."""

import statistics
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from benchmarks.bar import Bar, Verdict
from benchmarks.live_server import Program
from benchmarks.serving.bench import CALLERS, Bench
from benchmarks.serving.traffic import Answers, Stream, send
from benchmarks.serving.usage import usage

SLOPE_BAR = Bar("B10 memory", "soak at 70 % load: growth of resident memory in an hour", 5, "%")
FILES_BAR = Bar("B10 files", "soak: open files at the end beyond those after a minute", 0)
ERRORS_BAR = Bar("B10 errors", "soak: answers that are not 200", 0)
SHARE = 0.7
LOOK_EVERY_S = 2.0
# Of the soak: caches fill, threads start.
SETTLING = 0.2


class Look(NamedTuple):
    """At one moment."""

    second: float
    resident: int
    files: int


def soak(bench: Bench) -> Iterable[Verdict]:
    """B10; nothing where no minutes are asked for."""
    if not bench.soak_minutes:
        bars = (SLOPE_BAR, FILES_BAR, ERRORS_BAR)
        yield from (bar.missing("not asked for: --soak MINUTES") for bar in bars)
        return
    seconds = bench.soak_minutes * 60
    with bench.server(bench.classifier) as server:
        url, bodies = f"{server.url}/predict", bench.bodies
        load = Stream(name="load", url=url, bodies=bodies, callers=CALLERS, seconds=bench.seconds)
        peak = send(load)["load"]
        per_s = SHARE * peak.count(200) / peak.seconds
        bench.tell(f"soak: {bench.soak_minutes:g} minutes at {per_s:.0f} requests a second")
        steady = Stream(name="load", url=url, bodies=bodies, per_s=per_s, seconds=seconds)
        answers, looks = _watched(server, steady)
    settled = [look for look in looks if look.second >= SETTLING * seconds]
    yield SLOPE_BAR.judge([percent_per_hour(settled)], f"{settled[-1].resident / 1e6:.0f} MB")
    yield FILES_BAR.judge([settled[-1].files - settled[0].files], f"{settled[0].files} then")
    yield ERRORS_BAR.judge([len(answers.items) - answers.count(200)], f"of {len(answers.items)}")


def percent_per_hour(looks: Sequence[Look]) -> float:
    """The slope of resident memory, by least squares, in per cent of its mean."""
    seconds = [look.second for look in looks]
    resident = [float(look.resident) for look in looks]
    slope = statistics.linear_regression(seconds, resident).slope
    return slope * 3600 / statistics.fmean(resident) * 100


def _watched(server: Program, load: Stream) -> tuple[Answers, list[Look]]:
    looks: list[Look] = []
    with ThreadPoolExecutor(1) as thread:
        sending: Future[Answers] = thread.submit(lambda: send(load)["load"])
        while not sending.done():
            now = usage(server.pid)
            looks.append(Look(len(looks) * LOOK_EVERY_S, now.resident, now.files))
            wait([sending], timeout=LOOK_EVERY_S)
    return sending.result(), looks
