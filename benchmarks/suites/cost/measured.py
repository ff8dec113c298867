"""How many texts a second, and how much a visitor downloads: from the suite `tiers`, or anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from benchmarks.measurement import Measurement, Results
from benchmarks.suites.tiers import web
from benchmarks.suites.tiers.allowance import Allowance
from benchmarks.suites.tiers.cell import DOWNLOAD, THROUGHPUT
from benchmarks.suites.tiers.expected import EXPECTED_TOKENS, WARM, subject
from benchmarks.suites.tiers.texts import SizedText
from registry import Artifact
from runtime_server.cpu_quota import usable_cores
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel

SUITE: Final = "tiers"
LOCAL: Final = "local"
MODAL: Final = "Modal on loopback"
CUDA: Final = "local on CUDA"
# A load of 600 MB takes seconds; less than so much time, and it is not begun.
LEAST_S: Final = 0.2
MOST_TEXTS: Final = 50


@dataclass(frozen=True)
class Rate:
    """Texts a second on all of this machine's cores; `told` says of what, and who measured."""

    per_s: float
    told: str


def from_tiers(earlier: Results | None, artifact: Artifact, place: str) -> Rate | None:
    """The best of all numbers of callers, else one after the other; None of what is not there."""
    best = max(_found(earlier, artifact, place, THROUGHPUT), key=_median, default=None)
    if best is None:
        return _one_by_one(earlier, artifact, place)
    callers = best.at.get("callers", 1)
    return Rate(best.median, f"throughput of {best.subject} by {callers:g} callers ({best.told})")


def download_bytes(earlier: Results | None, artifact: Artifact) -> float | None:
    """Of a first visit; None of a model that browsers cannot run, or without the library."""
    for found in _found(earlier, artifact, "Chromium", DOWNLOAD):
        return found.median * 1e6
    if web.why_not(artifact) or web.missing():
        return None
    return web.first_visit_bytes(artifact)


def measured_here(artifact: Artifact, text: SizedText, allowance: Allowance) -> Rate | None:
    """One text after the other in this process; None where the time is over. Raises EngineError."""
    if allowance.left_s < LEAST_S:
        return None
    model = LoadedModel.load(artifact, SessionPlan(usable_cores(), allow_cuda=False))
    _answer(model, text.text)
    if allowance.left_s == 0:
        return None
    began, texts = perf_counter(), 0
    while texts < MOST_TEXTS and (texts == 0 or allowance.left_s):
        _answer(model, text.text)
        texts += 1
    told = f"{texts} texts of {text.tokens} tokens one by one, without a server; {text.told}"
    return Rate(texts / (perf_counter() - began), told)


def _one_by_one(earlier: Results | None, artifact: Artifact, place: str) -> Rate | None:
    """Where a model was too slow for a crowd."""
    for warm in _found(earlier, artifact, place, WARM):
        if warm.at.get("tokens") == EXPECTED_TOKENS:
            told = f"{warm.subject}, one text of {EXPECTED_TOKENS} tokens after the other"
            return Rate(1e3 / warm.median, f"{told} ({warm.told})")
    return None


def _answer(model: LoadedModel, text: str) -> None:
    for row in model.input.rows((text,)).rows:
        model.run((row,))


def _found(
    earlier: Results | None, artifact: Artifact, place: str, quantity: str
) -> Iterable[Measurement]:
    result = earlier.suite(SUITE) if earlier is not None else None
    if result is None:
        return ()
    wanted = subject(artifact, place)
    return (one for one in result.find(quantity) if one.subject == wanted)


def _median(measurement: Measurement) -> float:
    return measurement.median
