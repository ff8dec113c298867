"""What the server itself costs: a model that costs next to nothing, against no model at all."""

from collections.abc import Iterable

import httpx

from benchmarks.bar import Bar, Verdict, ratios
from benchmarks.peers.peer import bare
from benchmarks.serving.bench import Bench, cost

BAR = Bar("B2", "lexical-tiny over HTTP, 32 callers: CPU / of a FastAPI route without model", 1.6)
# A request is a tenth of a classification: more of them, for as long a load.
TIMES = 4


def overhead(bench: Bench) -> Iterable[Verdict]:
    """B2. Both parse the same bodies with the same pydantic model, and send the same JSON."""
    bodies = bench.bodies * TIMES
    with bench.server(bench.tiny) as ours:
        answer = httpx.post(f"{ours.url}/predict", json={"text": bench.texts[0]})
        with bare(answer.raise_for_status().text) as theirs:
            own, other = [], []
            for number in range(bench.rounds + 1):
                bench.tell(f"overhead, round {number} of {bench.rounds}")
                own.append(cost(ours, bodies).cpu_ms)
                other.append(cost(theirs, bodies).cpu_ms)
    # The first round warms up.
    told = f"ours {min(own[1:]):.3f} ms, without model {min(other[1:]):.3f} ms at best"
    yield BAR.judge(ratios(own[1:], other[1:]), told)
