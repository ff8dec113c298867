"""Three times what a server can do, by callers who hang up after a while; and how it comes back."""

import time
from collections.abc import Iterator, Mapping, Sequence

import httpx

from benchmarks.measurement import Better, Finding, Measurement, thinned
from benchmarks.serving.traffic import Answers, send
from benchmarks.suites.server.field import HEADERS, Field, Subject
from benchmarks.suites.server.line_up import SAME
from benchmarks.suites.server.pace import Pace

TIMES = 3
PATIENCE_S = 1.0
# Longer than the work that an overload can leave behind.
LONGEST_S = 15.0


def overload(
    field: Field, subjects: Sequence[Subject], peaks: Mapping[str, float], pace: Pace
) -> Iterator[Finding]:
    """Of each subject in turn, with its own defaults."""
    for subject in subjects:
        field.tell(f"{subject.title} at {TIMES} × its peak")
        peak = peaks[subject.title]
        stream = subject.stream(field.texts, TIMES * peak, pace.overload_s)
        with subject.awake():
            answers = send(stream.model_copy(update={"patience_s": PATIENCE_S}))["load"]
            waited = _first_answer_s(subject, field.texts[0])
        yield from _findings(subject, answers, peak, pace)
        yield _after(subject, waited)


def _findings(subject: Subject, answers: Answers, peak: float, pace: Pace) -> Iterator[Measurement]:
    # What comes after the load's end is not what it did under load.
    in_time = sum(item.status == 200 and item.second <= pace.overload_s for item in answers.items)
    failures = ", ".join(f"{count} {name}" for name, count in answers.failures().items())
    yield Measurement(
        subject=subject.title,
        quantity=f"good answers at {TIMES} × the peak, of the peak",
        unit="x",
        values=(in_time / pace.overload_s / peak,),
        better=Better.HIGHER,
        told=f"of {answers.sent} sent: {failures or 'all answered'}",
    )
    if good := answers.milliseconds():
        yield Measurement(
            subject=subject.title,
            quantity=f"latency of good answers at {TIMES} × the peak",
            unit="ms",
            values=thinned(good),
            told=f"callers hang up after {PATIENCE_S:g} s",
        )


def _after(subject: Subject, waited: float) -> Measurement:
    return Measurement(
        subject=subject.title,
        quantity=f"first answer after {TIMES} × the peak",
        unit="s",
        values=(waited,),
        told="no right answer within this time" if waited >= LONGEST_S else "",
    )


def _first_answer_s(subject: Subject, text: str) -> float:
    """What a request waits for when nobody else asks any more; the longest where it fails."""
    began, body = time.perf_counter(), subject.dialect.body(text)
    try:
        answer = httpx.post(subject.url, content=body, headers=HEADERS, timeout=LONGEST_S)
    except httpx.HTTPError:
        return LONGEST_S
    return time.perf_counter() - began if subject.difference(text, answer) <= SAME else LONGEST_S
