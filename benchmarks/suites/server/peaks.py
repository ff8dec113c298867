"""The most that each server answers, what that costs it, and what the graph alone does."""

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median

import psutil

from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.serving.offline import ROWS, Offline
from benchmarks.serving.traffic import Stream, send
from benchmarks.serving.usage import usage
from benchmarks.serving.wrk import Counted, TooFewError, WrkError, wrk
from benchmarks.suites.server.field import CALLERS, CEILING, Field, Subject
from benchmarks.suites.server.pace import Pace
from benchmarks.system_programs import find_program

# A load is doubled up to here where a caller would be left without an answer.
LONGEST_S = 16
# Of the time that the rounds should take; after that no other begins.
MOST = 1.3
# CPU time is counted inside of a load: not as it begins, nor what is left to do when it ends.
BEFORE_S, AFTER_S = 0.3, 0.1


@dataclass
class Found:
    """Of one subject, a value per round; `seconds` is how long a load on it has to be."""

    seconds: int
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
    found = {one.title: Found(pace.peak_s) for one in subjects}
    ceiling, rows = Found(0), min(ROWS, key=lambda rows: offline.spent(ground.texts, rows).cpu_ms)
    until = time.perf_counter() + MOST * pace.rounds * pace.peak_s * len(subjects)
    for number in range(pace.rounds + 1):
        if number > 1 and time.perf_counter() > until:
            break  # loads had to be longer: fewer of them
        ground.tell(f"peaks, round {number} of {pace.rounds}")
        for subject in subjects:
            with subject.awake():
                if number:
                    _turn(subject, ground.texts, found[subject.title])
                else:
                    _warm_up(subject, ground.texts)
        if number:
            spent = offline.spent(ground.texts, rows)
            ceiling.per_s.append(spent.per_s)
            ceiling.cpu_ms.append(spent.cpu_ms)
    yield from _figures(CEILING, ceiling, f"batches of {rows}, sorted by length, no server")
    for subject in subjects:
        yield from _of_server(subject, found[subject.title])
    return {title: median(one.per_s) for title, one in found.items() if one.per_s}


def _warm_up(subject: Subject, texts: Sequence[str]) -> None:
    bodies = tuple(subject.dialect.body(text) for text in texts)
    send(Stream(name="load", url=subject.url, bodies=bodies, callers=CALLERS, requests=CALLERS))


def _turn(subject: Subject, texts: Sequence[str], into: Found) -> None:
    """One load, and longer ones where that was too short."""
    bodies = tuple(subject.dialect.body(text) for text in texts)
    while True:
        try:
            return _load(subject, bodies, into)
        except TooFewError as exc:
            into.why = str(exc)
        except (WrkError, psutil.NoSuchProcess) as exc:
            into.why = str(exc)
            return None
        if into.seconds >= LONGEST_S:
            return None
        into.seconds = min(LONGEST_S, 2 * into.seconds)


def _load(subject: Subject, bodies: tuple[str, ...], into: Found) -> None:
    pid = subject.program.pid
    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(_counted, subject.url, bodies, into.seconds)
        time.sleep(BEFORE_S)
        before, began = usage(pid).cpu_s, time.perf_counter()
        time.sleep(into.seconds - BEFORE_S - AFTER_S)
        cores = (usage(pid).cpu_s - before) / (time.perf_counter() - began)
        counted = counting.result()
    # wrk has left; what it had sent is still worked off.
    subject.drain()
    per_s = counted.per_s(CALLERS)
    into.per_s.append(per_s)
    into.cpu_ms.append(cores / per_s * 1e3)
    into.memory_mb.append(usage(pid).resident / 1e6)
    into.bad += counted.bad + counted.cut


def _counted(url: str, bodies: tuple[str, ...], seconds: int) -> Counted:
    if program := find_program("wrk"):
        return wrk(program, url, bodies, CALLERS, seconds)
    stream = Stream(name="load", url=url, bodies=bodies, callers=CALLERS, seconds=seconds)
    items = send(stream)["load"].items
    return Counted(
        moments=tuple(item.second for item in items if item.status == 200),
        bad=sum(item.status not in (0, 200) for item in items),
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
