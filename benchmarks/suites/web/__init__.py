"""The library in Chromium, against transformers.js on the same graph."""

import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from benchmarks.bar import Bar, State, Verdict
from benchmarks.chromium import find_chromium
from benchmarks.measurement import Finding, Missing
from benchmarks.peers.installation import PeerMissingError
from benchmarks.suites import Context
from benchmarks.suites.web import site, transformers_js
from benchmarks.suites.web.agreement import agreement, natural_texts
from benchmarks.suites.web.first_visits import BARS, Trip, Visited, judged, throttled, unthrottled
from benchmarks.suites.web.line import UNTHROTTLED
from benchmarks.suites.web.memory import memory
from benchmarks.suites.web.subjects import SMALL, Subject, own, own_artifacts, peer, visited_text
from benchmarks.suites.web.visits import Chromium, VisitError, chromium
from benchmarks.suites.web.warm import warm
from registry import Artifact

LIBRARY = Bar("W6", "JavaScript of the library, brotli: index.js and worker.js", 30_000, "bytes")
# Shares of the budget; what is left is for laying out the site and for starting browsers.
VISITS, WARM, THROTTLED, MEMORY = 0.18, 0.07, 0.24, 0.38


def run(context: Context) -> Iterator[Finding]:
    """First visits over four networks, warm predictions, and memory after a hundred detectors."""
    if (why := _impossible(context)) is not None:
        yield Missing(subject="web", why=why)
        return
    artifacts = own_artifacts(context)
    if context.artifact(SMALL) is None:
        yield Missing(subject=f"samegraph {SMALL}", why="not built: `make export` builds it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site.lay_out(folder, artifacts)
        yield LIBRARY.judge([site.library_bytes(folder)])
        with site.served(folder, UNTHROTTLED) as served, chromium(served) as browser:
            trip = yield from _trip(context, artifacts, folder, browser)
            yield from _measured(context, trip, browser)


def _impossible(context: Context) -> str | None:
    if not own_artifacts(context):
        return "no artifact that runs in browsers: `make export` builds them"
    if not site.LIBRARY.is_dir():
        return "the library is not built: `make web` builds it"
    if find_chromium() is None:
        return "no Chromium: `python -m benchmarks.chromium` installs one"
    return None


def _trip(
    context: Context, artifacts: Sequence[Artifact], folder: Path, browser: Chromium
) -> Generator[Finding, None, Trip]:
    """Whoever can take part: the peer does if it is here, was asked for, and gives the same."""
    ours, text = tuple(map(own, artifacts)), visited_text(artifacts[0])
    alone = Trip(ours, None, folder, text)
    try:
        theirs, verdict = _peer(context, ours, folder, browser)
    except (PeerMissingError, VisitError, PlaywrightError) as exc:
        why = str(exc).splitlines()[0]
    else:
        yield verdict
        if verdict.state is State.MET:
            return Trip(ours, theirs, folder, text)
        why = "its probabilities are others"
    yield Missing(subject=transformers_js.NAME, why=why)
    for bar in BARS.values():
        yield bar.missing(why)
    return alone


def _peer(
    context: Context, ours: Sequence[Subject], folder: Path, browser: Chromium
) -> tuple[Subject, Verdict]:
    artifact = context.artifact(SMALL)
    if artifact is None:
        raise PeerMissingError(f"{SMALL} is not built")
    if context.peers is not None and transformers_js.NAME not in context.peers:
        raise PeerMissingError("not asked for")
    context.tell(f"{transformers_js.NAME} {transformers_js.VERSION}: the same probabilities?")
    transformers_js.lay_out(artifact, folder)
    theirs, same = peer(artifact), next(one for one in ours if one.model_id == SMALL)
    return theirs, agreement(browser, same, theirs, natural_texts(artifact))


def _measured(context: Context, trip: Trip, browser: Chromium) -> Iterator[Finding]:
    budget = context.budget_s
    context.tell("first and second visits, in turns")
    visits = unthrottled(trip, browser, VISITS * budget)
    yield from _found(trip, visits)
    context.tell("warm predictions, in turns")
    yield from warm(browser, trip.subjects, WARM * budget)
    context.tell("visits over slower networks")
    slow: list[Visited] = []
    for one in throttled(trip, browser, visits, THROTTLED * budget):
        if isinstance(one, Missing):
            yield one
        else:
            slow.append(one)
    yield from _found(trip, slow)
    context.tell("memory after many detectors")
    yield from memory(browser.site, trip.subjects, MEMORY * budget)


def _found(trip: Trip, visits: Sequence[Visited]) -> Iterator[Finding]:
    for one in visits:
        yield from one.measurements()
    yield from judged(trip, visits)
