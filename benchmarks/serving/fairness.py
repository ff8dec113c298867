"""A long text among endless short ones: it must not be passed over."""

import statistics
from collections.abc import Iterable, Mapping

from benchmarks.bar import Bar, Verdict
from benchmarks.live_server import Program
from benchmarks.serving.bench import CALLERS, Bench, body_of, predictions, require_all_good
from benchmarks.serving.scrape import scrape
from benchmarks.serving.traffic import Stream, send
from runtime_server.loaded_model import graph_input

BAR = Bar(
    "B5", "500 tokens among endless requests of 8: time / (2 × its time alone + a batch)", 1.0
)
LONG, SHORT = 500, 8
TIMES = 10


def fairness(bench: Bench) -> Iterable[Verdict]:
    """B5, of TIMES long requests in a round."""
    long, short = body_of(_text(bench, LONG)), body_of(_text(bench, SHORT))
    shares, told = [], ""
    with bench.server(bench.classifier) as server:
        _milliseconds(server, long)  # warms up
        for number in range(bench.rounds):
            bench.tell(f"a long text among short ones, round {number + 1} of {bench.rounds}")
            alone = _milliseconds(server, long)
            before = scrape(server)
            beside = _milliseconds(server, long, beside=short)
            batch = _batch_ms(before, scrape(server))
            shares.append(beside / (2 * alone + batch))
            told = f"last: alone {alone:.0f} ms, a batch {batch:.0f} ms, beside {beside:.0f} ms"
    yield BAR.judge(shares, told)


def _milliseconds(server: Program, body: str, beside: str | None = None) -> float:
    """Median over TIMES requests, one at a time; `beside` is sent endlessly by CALLERS."""
    streams = [predictions(server, [body] * TIMES, callers=1)]
    if beside is not None:
        url = f"{server.url}/predict"
        streams.append(Stream(name="flood", url=url, bodies=(beside,), callers=CALLERS))
    answers = send(*streams)["predictions"]
    require_all_good(answers)
    return statistics.median(answers.milliseconds())


def _batch_ms(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    seconds = after["infer_seconds_sum"] - before["infer_seconds_sum"]
    return seconds / (after["infer_seconds_count"] - before["infer_seconds_count"]) * 1e3


def _text(bench: Bench, tokens: int) -> str:
    """The shortest beginning of the texts that is at least so many tokens, all ids counted."""
    words, read = " ".join(bench.texts).split(), graph_input(bench.classifier).rows
    for number in range(1, len(words)):
        text = " ".join(words[:number])
        if sum(row.tokens for row in read((text,)).rows) >= tokens:
            return text
    raise ValueError(f"all texts together have fewer than {tokens} tokens")
