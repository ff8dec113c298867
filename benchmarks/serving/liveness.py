"""Whether a server that has all hands full still says that it lives."""

from collections.abc import Iterable

from benchmarks.bar import Bar, Verdict
from benchmarks.serving.bench import Bench
from benchmarks.serving.traffic import Stream, send

BAR = Bar("B7", "saturated by 64 callers: p99 of /livez", 50, "ms")
CALLERS = 64
PER_S = 25.0


def liveness(bench: Bench) -> Iterable[Verdict]:
    """B7."""
    values = []
    with bench.server(bench.classifier) as server:
        load = Stream(
            name="load", url=f"{server.url}/predict", bodies=bench.bodies, callers=CALLERS
        )
        url = f"{server.url}/livez"
        probes = Stream(name="probes", url=url, per_s=PER_S, seconds=bench.seconds)
        send(load.model_copy(update={"seconds": 1.0}))  # warms up
        for number in range(bench.rounds):
            bench.tell(f"/livez under load, round {number + 1} of {bench.rounds}")
            values.append(send(load, probes)["probes"].percentile(99))
    yield BAR.judge(values)
