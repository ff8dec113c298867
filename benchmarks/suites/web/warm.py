"""Warm latency: a detector that is there, asked again and again."""

import statistics
from collections.abc import Iterator, Sequence

from benchmarks.bar import Bar
from benchmarks.measurement import Finding, Measurement, thinned
from benchmarks.rounds import rounds
from benchmarks.suites.web.subjects import TINY, Subject
from benchmarks.suites.web.visits import Chromium

WARM = Bar("W4", "warm lexical-tiny, 300 words, in the page's thread", 1.0, "ms")
TO_WORKER = Bar("W5", "warm lexical-tiny in a worker, over the page's thread", 1.0, "ms")
SAMPLES = {TINY: 60}
FEW_SAMPLES = 12
NAMES = {"worker": "worker", "main": "page"}
# Subject and thread: the samples of each round.
Times = dict[tuple[Subject, str], list[list[float]]]


def warm(chromium: Chromium, subjects: Sequence[Subject], seconds: float) -> Iterator[Finding]:
    """Every subject in every thread that it can run in, in turns; then the bars."""
    times: Times = {(one, thread): [] for one in subjects for thread in one.threads}
    for _ in rounds(seconds):
        for (subject, thread), found in times.items():
            samples = SAMPLES.get(subject.model_id, FEW_SAMPLES)
            found.append(chromium.warm(subject, thread, samples))
    for (subject, thread), found in times.items():
        yield _measured(subject, thread, found)
    for subject in subjects:
        if subject.model_id == TINY:
            yield from _judged(times[subject, "main"], times[subject, "worker"])


def _measured(subject: Subject, thread: str, found: list[list[float]]) -> Measurement:
    mean = f"each the mean of {subject.together}; " if subject.together > 1 else ""
    return Measurement(
        subject=subject.name,
        quantity="warm latency",
        unit="ms",
        values=thinned([value for times in found for value in times]),
        at={"words": subject.words, "thread": NAMES[thread]},
        told=f"{mean}{len(found)} rounds",
    )


def _judged(page: list[list[float]], worker: list[list[float]]) -> Iterator[Finding]:
    medians = [[statistics.median(times) for times in found] for found in (page, worker)]
    yield WARM.judge(medians[0], "medians of rounds")
    over = [there - here for here, there in zip(*medians, strict=True)]
    yield TO_WORKER.judge(over, "medians of rounds, one after the other")
