"""What a classification of mixed texts costs: here, elsewhere, and at least."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from benchmarks.bar import Bar, Verdict, ratios
from benchmarks.live_server import Program
from benchmarks.peers.installation import PeerMissingError
from benchmarks.peers.peer import BY_NAME
from benchmarks.serving.bench import Bench, UnexpectedAnswerError, body_of, cost
from benchmarks.serving.offline import Offline
from benchmarks.serving.scrape import scrape

WHAT = "fp32 classifier, mixed lengths, 32 callers: CPU-ms of ours"
PEER_BARS = {
    "naive": Bar("B1 naive", f"{WHAT} / of FastAPI without batching", 0.80),
    "litserve": Bar("B1 litserve", f"{WHAT} / of LitServe", 0.40),
}
OFFLINE_BAR = Bar("B1 offline", "CPU-ms of the best offline batches / of ours", 0.90, at_least=True)
PADDING_BAR = Bar("B4", "tokens with padding / without, mixed lengths", 1.15)
# What a batch may change, and a bit: the same graph, other batch-mates.
SAME = 1e-4
COMPARED = 50
OURS, OFFLINE = "ours", "offline"


@dataclass(frozen=True)
class Servers:
    """Those that run, and why others do not."""

    running: Mapping[str, Program]
    missing: Mapping[str, str]


def throughput(bench: Bench) -> Iterable[Verdict]:
    """B1 and B4."""
    offline = Offline(bench.classifier, bench.plan)
    with _servers(bench) as servers:
        for name, server in servers.running.items():
            _require_same_answers(name, server, offline, bench)
        ours = servers.running[OURS]
        before = scrape(ours)
        spent = _alternate(bench, servers.running, offline)
        padding = _padding_ratio(before, scrape(ours))
    told = {name: f"ours {_ms(spent[OURS])}, {name} {_ms(spent[name])}" for name in spent}
    for name, bar in PEER_BARS.items():
        if name in spent:
            yield bar.judge(ratios(spent[OURS], spent[name]), told[name])
        else:
            yield bar.missing(servers.missing.get(name, "not asked for"))
    yield OFFLINE_BAR.judge(ratios(spent[OFFLINE], spent[OURS]), told[OFFLINE])
    yield PADDING_BAR.judge([padding], "from /metrics")


@contextmanager
def _servers(bench: Bench) -> Iterator[Servers]:
    with ExitStack() as stack:
        running = {OURS: stack.enter_context(bench.server(bench.classifier))}
        missing = {}
        for name in bench.peers:
            try:
                there = BY_NAME[name].running(bench.classifier, bench.plan.threads, bench.tell)
                running[name] = stack.enter_context(there)
            except (PeerMissingError, RuntimeError, TimeoutError) as exc:
                missing[name] = str(exc)
        yield Servers(running, missing)


def _require_same_answers(name: str, server: Program, offline: Offline, bench: Bench) -> None:
    for text in bench.texts[:COMPARED]:
        answer = httpx.post(
            f"{server.url}/predict",
            content=body_of(text),
            headers={"Content-Type": "application/json"},
        )
        difference = abs(
            answer.raise_for_status().json()["probability"] - offline.probability(text)
        )
        if not difference <= SAME:
            raise UnexpectedAnswerError(f"{name} differs by {difference:.1e} on {text[:60]!r}")


def _alternate(
    bench: Bench, servers: Mapping[str, Program], offline: Offline
) -> Mapping[str, list[float]]:
    """CPU-ms per text by server, a value per round; the first round warms up."""
    spent: dict[str, list[float]] = {name: [] for name in (*servers, OFFLINE)}
    for number in range(bench.rounds + 1):
        bench.tell(f"throughput, round {number} of {bench.rounds}")
        found = {name: cost(server, bench.bodies).cpu_ms for name, server in servers.items()}
        found[OFFLINE] = offline.cpu_ms(bench.texts)
        if number:
            for name, value in found.items():
                spent[name].append(value)
    return spent


def _padding_ratio(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    def grown(name: str) -> float:
        return after[name] - before[name]

    return grown("batch_padded_tokens_total") / grown("batch_tokens_sum")


def _ms(values: list[float]) -> str:
    middle = sorted(values)[len(values) // 2]
    return f"{middle:.2f} ms"
