"""The most that each server answers, what that costs it, and what the graph alone does."""

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median

from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.serving.offline import ROWS, Offline
from benchmarks.serving.traffic import Stream, send
from benchmarks.serving.usage import usage
from benchmarks.serving.wrk import Counted, WrkError, wrk
from benchmarks.suites.server.field import CALLERS, CEILING, Field, Subject
from benchmarks.suites.server.pace import Pace
from benchmarks.system_programs import find_program

# CPU time is counted inside of a load: not as it begins, nor what is left to do when it ends.
BEFORE_S, AFTER_S = 0.3, 0.1
IDLE_S = 0.5


@dataclass
class Found:
    """Of one subject, a value per round."""

    per_s: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    bad: int = 0
    why: str = "no round"


def peaks(
    ground: Field, subjects: Sequence[Subject], offline: Offline, pace: Pace
) -> Generator[Finding, None, dict[str, float]]:
    """Subjects take turns. Returns answers a second by title, of those that answered."""
    if find_program("wrk") is None:
        yield Missing(subject="wrk", why="apt-get install wrk; the peaks are by a sender of ours")
    found = {one.title: Found() for one in subjects}
    ceiling, rows = Found(), min(ROWS, key=lambda rows: offline.spent(ground.texts, rows).cpu_ms)
    for number in range(pace.rounds + 1):
        ground.tell(f"peaks, round {number} of {pace.rounds}")
        for subject in subjects:
            # The first round warms up.
            into, seconds = (found[subject.title], pace.peak_s) if number else (Found(), 1)
            with subject.awake():
                _turn(subject, ground.texts, seconds, into)
        if number:
            spent = offline.spent(ground.texts, rows)
            ceiling.per_s.append(spent.per_s)
            ceiling.cpu_ms.append(spent.cpu_ms)
    yield from _figures(CEILING, ceiling, f"batches of {rows}, sorted by length, no server")
    for subject in subjects:
        yield from _of_server(subject, found[subject.title])
    return {title: median(one.per_s) for title, one in found.items() if one.per_s}


def _turn(subject: Subject, texts: Sequence[str], seconds: int, into: Found) -> None:
    bodies = tuple(subject.dialect.body(text) for text in texts)
    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(_counted, subject.url, bodies, seconds)
        time.sleep(BEFORE_S)
        cpu_s, began = usage(subject.program.pid).cpu_s, time.perf_counter()
        time.sleep(seconds - BEFORE_S - AFTER_S)
        cpu_s = usage(subject.program.pid).cpu_s - cpu_s
        cores = cpu_s / (time.perf_counter() - began)
        try:
            counted = counting.result()
            per_s = counted.per_s(CALLERS)
        except WrkError as exc:
            into.why = str(exc)
            return
    into.per_s.append(per_s)
    into.cpu_ms.append(cores / per_s * 1e3)
    into.memory_mb.append(usage(subject.program.pid).resident / 1e6)
    into.bad += counted.bad + counted.cut


def _counted(url: str, bodies: tuple[str, ...], seconds: int) -> Counted:
    if program := find_program("wrk"):
        return wrk(program, url, bodies, CALLERS, seconds)
    stream = Stream(name="load", url=url, bodies=bodies, callers=CALLERS, seconds=seconds)
    items = send(stream)["load"].items
    return Counted(
        answered=len(items),
        bad=sum(item.status not in (0, 200) for item in items),
        seconds=items[-1].second - items[min(CALLERS, len(items)) - 1].second,
        cut=sum(item.status == 0 for item in items),
    )


def _of_server(subject: Subject, found: Found) -> Iterator[Finding]:
    if not found.per_s:
        yield Missing(subject=f"{subject.title}: peak throughput", why=found.why)
        return
    told = f"{CALLERS} callers" + (f"; {found.bad} requests failed" if found.bad else "")
    yield from _figures(subject.title, found, told)
    told = "resident, of all its processes, under load"
    yield Measurement(
        subject=subject.title,
        quantity="memory",
        unit="MB",
        values=tuple(found.memory_mb),
        told=told,
    )
    yield _idle(subject)


def _figures(subject: str, found: Found, told: str) -> Iterator[Measurement]:
    yield Measurement(
        subject=subject,
        quantity="peak throughput",
        unit="/s",
        values=tuple(found.per_s),
        better=Better.HIGHER,
        told=told,
    )
    yield Measurement(
        subject=subject,
        quantity="CPU time per request",
        unit="CPU-ms",
        values=tuple(found.cpu_ms),
        told="at the peak",
    )


def _idle(subject: Subject) -> Measurement:
    """What it takes when nobody asks."""
    with subject.awake():
        time.sleep(IDLE_S)
        before, began = usage(subject.program.pid).cpu_s, time.perf_counter()
        time.sleep(IDLE_S)
        spent = usage(subject.program.pid).cpu_s - before
    return Measurement(
        subject=subject.title,
        quantity="CPU time when idle",
        unit="CPU-ms",
        values=(spent / (time.perf_counter() - began) * 1e3,),
        told="in a second",
    )
