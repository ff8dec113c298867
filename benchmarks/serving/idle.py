"""What one request waits for on an idle server, beside the graph."""

import statistics
import time
from collections.abc import Iterable

from benchmarks.bar import Bar, Verdict
from benchmarks.serving.bench import Bench, body_of, predictions
from benchmarks.serving.traffic import send
from registry import Artifact
from runtime_server.loaded_model import LoadedModel

REQUESTS = 100
WARM_UP = 10


def idle(bench: Bench) -> Iterable[Verdict]:
    """B3, for a graph that reads text and for one that reads tokens."""
    for artifact in (bench.tiny, bench.classifier):
        yield _one_by_one(bench, artifact)


def _one_by_one(bench: Bench, artifact: Artifact) -> Verdict:
    name = artifact.manifest.model_id
    text = sorted(bench.texts, key=len)[len(bench.texts) // 2]
    direct, over_http = _Direct(bench, artifact, text), []
    alone = []
    with bench.server(artifact) as server:
        for _ in range(bench.rounds):
            bench.tell(f"one request at a time, {name}")
            alone.append(direct.median_ms())
            answers = send(predictions(server, [body_of(text)] * REQUESTS, callers=1))
            over_http.append(answers["predictions"].percentile(50))
    bar = Bar(f"B3 {name}", "idle: p50 of a request − of session.run", 2.0, "ms")
    told = f"session.run {statistics.median(alone):.2f} ms"
    return bar.judge([own - other for own, other in zip(over_http, alone, strict=True)], told)


class _Direct:
    """The text's rows, read beforehand, in the server's own session."""

    def __init__(self, bench: Bench, artifact: Artifact, text: str) -> None:
        model = LoadedModel.load(artifact, bench.plan)
        self._session, self._feed = model.session, model.input.feed(model.input.rows((text,)).rows)

    def median_ms(self) -> float:
        times = [self._milliseconds() for _ in range(REQUESTS + WARM_UP)]
        return statistics.median(times[WARM_UP:])

    def _milliseconds(self) -> float:
        began = time.perf_counter()
        self._session.run(self._feed)
        return (time.perf_counter() - began) * 1e3
