"""How long an answer takes at a fixed rate: an open loop, counted from when each was due."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.measurement import Finding, Measurement, Missing, thinned
from benchmarks.serving.offline import Offline
from benchmarks.serving.traffic import Answers, send
from benchmarks.suites.server.field import CEILING, Field, Subject
from benchmarks.suites.server.pace import Pace

# Of the lowest peak: see `same_rate`.
SAME_SHARE = 0.7
REACH = 0.1
# So many answers, where the time allows: fewer have no p99.
WANTED, LEAST_FOR_P99 = 110, 100
LONGEST = 2
ALONE = 100
PATIENCE_S = 20.0
OWN_RATE, SAME_RATE = "latency at a share of its own peak", "latency at the same rate for all"


def latencies(
    field: Field, subjects: Sequence[Subject], peaks: Mapping[str, float], pace: Pace
) -> Iterator[Finding]:
    """At each share all subjects, then the next."""
    if not subjects:
        return
    for share in field.shares:
        for subject in subjects:
            field.tell(f"{subject.title} at {share:.0%} of its peak")
            per_s = share * peaks[subject.title]
            yield from _at(field, subject, per_s, pace, OWN_RATE, {"share": share})
    per_s = same_rate(tuple(peaks.values()))
    for subject in subjects:
        if peaks[subject.title] < per_s:
            why = f"answers at most {peaks[subject.title]:.0f} a second, not {per_s:.0f}"
            yield Missing(subject=f"{subject.title}: {SAME_RATE}", why=why)
            continue
        field.tell(f"{subject.title} at {per_s:.0f} a second")
        yield from _at(field, subject, per_s, pace, SAME_RATE, {})


def alone(field: Field, offline: Offline) -> Measurement:
    """The graph itself, a text at a time: no server can be quicker."""
    texts = field.texts[:ALONE]
    values = [offline.milliseconds(text) for text in texts]
    told = "one text at a time, no server"
    return Measurement(
        subject=CEILING, quantity=SAME_RATE, unit="ms", values=tuple(values), told=told
    )


def same_rate(peaks: Sequence[float]) -> float:
    """A second: most of what the slowest can, so that all keep up.

    One that reaches no tenth of what the fastest can is left out: all others would be idle.
    """
    fastest = max(peaks)
    return SAME_SHARE * min(peak for peak in peaks if peak >= REACH * fastest)


def seconds(per_s: float, pace: Pace) -> float:
    """Longer for slow servers, up to a limit."""
    return min(LONGEST * pace.rate_s, max(pace.rate_s, WANTED / per_s))


def _at(
    field: Field,
    subject: Subject,
    per_s: float,
    pace: Pace,
    quantity: str,
    at: Mapping[str, float | str],
) -> Iterator[Finding]:
    stream = subject.stream(field.texts, per_s, seconds(per_s, pace))
    with subject.awake():
        answers = send(stream.model_copy(update={"patience_s": PATIENCE_S}))["load"]
    good = answers.milliseconds()
    if not good:
        yield Missing(subject=f"{subject.title}: {quantity}", why=_others(answers))
        return
    told = f"{per_s:.0f} a second" + (f"; {_others(answers)}" if len(good) < answers.sent else "")
    figures = {quantity: thinned(good)}
    if len(good) >= LEAST_FOR_P99:
        # Of its own, so that it is drawn: a plot shows medians.
        figures[f"p99: {quantity}"] = (answers.percentile(99),)
    for name, values in figures.items():
        yield Measurement(
            subject=subject.title, quantity=name, unit="ms", values=values, at=at, told=told
        )


def _others(answers: Answers) -> str:
    counted = ", ".join(f"{count} {name}" for name, count in answers.failures().items())
    return f"of {answers.sent}: {counted or 'none answered'}"
