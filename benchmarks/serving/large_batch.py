"""Online requests beside one batch of thousands: who waits for it, and what it takes."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice

from benchmarks.bar import Bar, Verdict
from benchmarks.live_server import Program
from benchmarks.serving.bench import CALLERS, Bench, require_all_good
from benchmarks.serving.traffic import Answers, Stream, send
from benchmarks.serving.usage import usage

LATENCY_BAR = Bar("B8 p99", "online p99 beside an NDJSON batch / without it", 2.0)
MEMORY_BAR = Bar("B8 memory", "growth of resident memory while that batch runs", 100, "MB")
# Of what the server can do at most: a load that a server is run at.
SHARE = 0.4
LOOK_EVERY_S = 0.1


def large_batch(bench: Bench) -> Iterable[Verdict]:
    """B8. The batch is sent once: it takes as long as all its texts do."""
    settings = {"MAX_BATCH_ITEMS": str(bench.batch_items)}
    with bench.server(bench.classifier, **settings) as server:
        bench.tell("the load that the server can take")
        online = _online(server, bench, SHARE * _peak_per_s(server, bench))
        alone = _good(send(online.model_copy(update={"seconds": bench.seconds}))["online"])
        bench.tell(f"a batch of {bench.batch_items} texts beside it")
        before = usage(server.pid).resident
        with _watched_memory(server) as memory:
            answers = send(_batch(server, bench), online)
    require_all_good(answers["batch"])
    beside = _good(answers["online"])
    told = (
        f"{online.per_s:.0f} online requests a second: p99 {alone:.0f} ms, beside {beside:.0f} ms; "
        f"the batch took {answers['batch'].seconds:.0f} s"
    )
    yield LATENCY_BAR.judge([beside / alone], told)
    yield MEMORY_BAR.judge([(memory.most - before) / 1e6], f"{before / 1e6:.0f} MB before")


def _good(answers: Answers) -> float:
    require_all_good(answers)
    return answers.percentile(99)


def _peak_per_s(server: Program, bench: Bench) -> float:
    url = f"{server.url}/predict"
    stream = Stream(
        name="load", url=url, bodies=bench.bodies, callers=CALLERS, seconds=bench.seconds
    )
    answers = send(stream)["load"]
    return answers.count(200) / answers.seconds


def _online(server: Program, bench: Bench, per_s: float) -> Stream:
    return Stream(name="online", url=f"{server.url}/predict", bodies=bench.bodies, per_s=per_s)


def _batch(server: Program, bench: Bench) -> Stream:
    texts = list(islice(cycle(bench.texts), bench.batch_items))
    return Stream(
        name="batch",
        url=f"{server.url}/batch-predict",
        bodies=(json.dumps({"texts": texts}),),
        accept="application/x-ndjson",
        requests=1,
    )


@dataclass
class _Memory:
    most: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self, pid: int) -> None:
        while not self.over.wait(LOOK_EVERY_S):
            self.most = max(self.most, usage(pid).resident)


@contextmanager
def _watched_memory(server: Program) -> Iterator[_Memory]:
    """The most that is resident until the block ends."""
    memory = _Memory(usage(server.pid).resident)
    watching = threading.Thread(target=memory.look, args=(server.pid,))
    watching.start()
    try:
        yield memory
    finally:
        memory.over.set()
        watching.join()
