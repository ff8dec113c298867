"""Three times what the server can do: what it still does, and how fast it refuses the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.bar import Bar, Verdict, ratios
from benchmarks.live_server import Program
from benchmarks.serving.bench import CALLERS, Bench, require_all_good
from benchmarks.serving.traffic import Answers, Stream, send
from benchmarks.serving.usage import usage

GOODPUT_BAR = Bar(
    "B6 goodput", "3 × overload: good answers per CPU second / at the peak", 0.90, at_least=True
)
CLOCK_BAR = Bar("B6 clock", "the same per second on the clock", 0.90, at_least=True)
REFUSAL_BAR = Bar("B6 refusal", "3 × overload: p99 until a refused request has its 503", 50, "ms")
TIMES = 3
# About two seconds of work: the default keeps more waiting than a short run can send. And every
# request that waits has a connection here.
SETTINGS = {"MAX_QUEUED_TOKENS": "8000", "MAX_CONNECTIONS": "10000"}


@dataclass(frozen=True)
class Goodput:
    """Answers 200 by CPU second of the server, and by second."""

    per_cpu_s: float
    per_s: float
    answers: Answers


def overload(bench: Bench) -> Iterable[Verdict]:
    """B6."""
    peaks, beyond = [], []
    with bench.server(bench.classifier, **SETTINGS) as server:
        for number in range(bench.rounds):
            bench.tell(f"overload, round {number + 1} of {bench.rounds}")
            peaks.append(_goodput(server, _at_peak(server, bench)))
            require_all_good(peaks[-1].answers)
            beyond.append(_goodput(server, _beyond(server, bench, TIMES * peaks[-1].per_s)))
    last = beyond[-1].answers
    told = f"last: {last.count(200)} answered, {last.count(503)} refused, {len(last.items)} sent"
    yield GOODPUT_BAR.judge(_shares(beyond, peaks, "per_cpu_s"), told)
    yield CLOCK_BAR.judge(_shares(beyond, peaks, "per_s"), f"peak {peaks[-1].per_s:.0f} a second")
    refused = [one.answers for one in beyond if one.answers.count(503) > 1]
    if refused:
        yield REFUSAL_BAR.judge([answers.percentile(99, 503) for answers in refused])
    else:
        yield REFUSAL_BAR.missing("nothing was refused")


def _shares(ours: Sequence[Goodput], others: Sequence[Goodput], name: str) -> tuple[float, ...]:
    return ratios([getattr(one, name) for one in ours], [getattr(one, name) for one in others])


def _at_peak(server: Program, bench: Bench) -> Stream:
    url = f"{server.url}/predict"
    return Stream(name="load", url=url, bodies=bench.bodies, callers=CALLERS, seconds=bench.seconds)


def _beyond(server: Program, bench: Bench, per_s: float) -> Stream:
    url = f"{server.url}/predict"
    return Stream(name="load", url=url, bodies=bench.bodies, per_s=per_s, seconds=bench.seconds)


def _goodput(server: Program, stream: Stream) -> Goodput:
    before = usage(server.pid).cpu_s
    answers = send(stream)["load"]
    cpu_s = usage(server.pid).cpu_s - before
    good = answers.count(200)
    return Goodput(good / cpu_s, good / answers.seconds, answers)
