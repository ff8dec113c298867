"""One, two and four workers: what they do together, and what they take."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.measurement import Better, Finding, Measurement
from benchmarks.serving.bench import require_all_good
from benchmarks.serving.traffic import Stream, send
from benchmarks.serving.usage import usage
from benchmarks.suites.scale.sizes import Server, serving
from benchmarks.suites.tiers.allowance import Allowance
from registry import Artifact

WORKERS: Final = (1, 2, 4)
CALLERS: Final = 16
RUNS: Final = 3
LEAST_S: Final = 0.3
# Starting a server, with a model of some megabytes.
START_S: Final = 2.0


def workers(
    artifact: Artifact, text: str, allowance: Allowance, counts: Sequence[int] = WORKERS
) -> Iterator[Finding]:
    """Throughput and memory at each number of workers."""
    body = json.dumps({"text": text, "prefer_backend": "local"})
    for number, count in enumerate(counts):
        share_s = allowance.left_s / (len(counts) - number)
        seconds = max(LEAST_S, (share_s - START_S) / (RUNS + 1))
        with serving(artifact, WORKERS=str(count)) as server:
            _per_s(server, body, seconds)  # every worker has the model then
            rates = [_per_s(server, body, seconds) for _ in range(RUNS)]
            memory = usage(server.pid).resident / 1e6
        yield _measurement(artifact, "throughput by workers", "/s", rates, count)
        yield _measurement(artifact, "memory of a server by workers", "MB", [memory], count)


def _per_s(server: Server, body: str, seconds: float) -> float:
    stream = Stream(
        name="crowd",
        url=str(server.client.base_url.join("predict")),
        bodies=(body,),
        callers=CALLERS,
        seconds=seconds,
    )
    answers = send(stream)["crowd"]
    require_all_good(answers)
    return answers.count(200) / answers.seconds


def _measurement(
    artifact: Artifact, quantity: str, unit: str, values: list[float], count: int
) -> Measurement:
    return Measurement(
        subject=artifact.manifest.model_id,
        quantity=quantity,
        unit=unit,
        values=tuple(values),
        at={"workers": count},
        better=Better.HIGHER if unit == "/s" else Better.LOWER,
        told=f"{CALLERS} callers; workers share the cores; memory that they share counts for each",
    )
