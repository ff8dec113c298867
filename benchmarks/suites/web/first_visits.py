"""Time to the first answer, and what comes over the wire for it: with empty caches, and again."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.bar import Bar, Verdict, ratios
from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.rounds import rounds
from benchmarks.suites.web.line import BROADBAND, FAST_4G, SLOW_4G, UNTHROTTLED, Network
from benchmarks.suites.web.site import served
from benchmarks.suites.web.subjects import SMALL, TINY, Subject
from benchmarks.suites.web.visits import Chromium, Visit, chromium

BARS = {
    TINY: Bar("W2", "first visit, lexical-tiny / transformers.js with minilm-small", 0.5, "x"),
    SMALL: Bar("W3", "first visit, minilm-small / transformers.js with the same graph", 1.0, "x"),
}
COLD, WARM = "cold", "warm"
# A page, its script, a worker, a manifest and the files that this names: each waits for the last.
ROUND_TRIPS = 6


@dataclass
class Visited:
    """Visits of one subject over one network: of each pair the first, and the second."""

    subject: Subject
    network: Network
    cold: list[Visit] = field(default_factory=list)
    warm: list[Visit] = field(default_factory=list)
    told: str = ""

    def visit(self, browser: Chromium, text: str) -> None:
        """One more pair."""
        first, second = browser.visit_twice(self.subject, text)
        self.cold.append(first)
        self.warm.append(second)

    @property
    def milliseconds(self) -> tuple[float, ...]:
        """Of first visits."""
        return tuple(one.milliseconds for one in self.cold)

    def measurements(self) -> Iterator[Measurement]:
        """Time by cache and network; bytes and requests by cache, alike over every network."""
        for cache, visits in ((COLD, self.cold), (WARM, self.warm)):
            at = {"network": self.network.name, "cache": cache}
            times = tuple(one.milliseconds for one in visits)
            yield self._measured("first answer", "ms", times, at)
            if self.network is UNTHROTTLED:
                fetched = [one.fetched for one in visits]
                place = {"cache": cache}
                sent = tuple(float(one.bytes) for one in fetched)
                yield self._measured("bytes on the wire", "bytes", sent, place)
                asked = tuple(float(one.requests) for one in fetched)
                yield self._measured("requests", "", asked, place)

    def _measured(
        self, quantity: str, unit: str, values: tuple[float, ...], at: Mapping[str, float | str]
    ) -> Measurement:
        return Measurement(
            subject=self.subject.name,
            quantity=quantity,
            unit=unit,
            values=values,
            at=at,
            told=self.told,
        )


@dataclass(frozen=True)
class Trip:
    """Who visits what: our subjects, the peer where there is one, the site, and the text."""

    ours: tuple[Subject, ...]
    theirs: Subject | None
    folder: Path
    text: str

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All."""
        return self.ours if self.theirs is None else (self.theirs, *self.ours)


def unthrottled(trip: Trip, browser: Chromium, seconds: float) -> list[Visited]:
    """In turns, as often as there is time."""
    return _in_turns(trip, browser, UNTHROTTLED, seconds)


def throttled(
    trip: Trip, browser: Chromium, known: Sequence[Visited], seconds: float
) -> Iterator[Visited | Missing]:
    """Over slower networks. What takes longer than there is time is missing, and says so.

    Over broadband in turns. Over the slow ones all at once, each by a browser and a line of its
    own: they wait for bytes nearly all the time.
    """
    with served(trip.folder, BROADBAND) as site:
        yield from _in_turns(trip, replace(browser, site=site), BROADBAND, seconds / 4)
    slow = [
        (Visited(one.subject, network), seconds_over(network, one.cold[0]))
        for network in (FAST_4G, SLOW_4G)
        for one in known
    ]
    left = 3 * seconds / 4
    yield from _all_at_once(trip, [visited for visited, needs in slow if needs <= left])
    for visited, needs in slow:
        if needs > left:
            place = f"{visited.subject.name}, first answer, {visited.network.name}"
            yield Missing(subject=place, why=f"a visit takes {needs:.0f} s, of {left:.0f} s left")


def seconds_over(network: Network, visit: Visit) -> float:
    """What a first visit takes about, from one without a limit."""
    rate = network.bytes_per_s
    transfer = 0.0 if rate is None else visit.fetched.bytes / rate
    return transfer + ROUND_TRIPS * network.latency_s + visit.milliseconds / 1e3


def judged(trip: Trip, visits: Sequence[Visited]) -> Iterator[Finding]:
    """Our first visits against the peer's in the same round; the bars are for no limit."""
    peers = {one.network: one for one in visits if one.subject is trip.theirs}
    for one in visits:
        peer = peers.get(one.network)
        if peer is None or one is peer:
            continue
        found = ratios(one.milliseconds, peer.milliseconds)
        yield Measurement(
            subject=one.subject.name,
            quantity="first answer / that of transformers.js",
            unit="x",
            values=found,
            at={"network": one.network.name},
            better=Better.LOWER,
        )
        if one.network is UNTHROTTLED:
            yield _verdict(one, found)


def _verdict(one: Visited, found: tuple[float, ...]) -> Verdict:
    return BARS[one.subject.model_id].judge(found, f"{len(found)} visits of each, in turns")


def _in_turns(trip: Trip, browser: Chromium, network: Network, seconds: float) -> list[Visited]:
    visits = [Visited(subject, network) for subject in trip.subjects]
    for number in rounds(seconds):
        for one in visits if number % 2 == 0 else visits[::-1]:
            one.visit(browser, trip.text)
    return visits


def _all_at_once(trip: Trip, visits: Sequence[Visited]) -> list[Visited]:
    def alone(visited: Visited) -> Visited:
        visited.told = f"{len(visits)} such visits at once, each over a line of its own"
        with served(trip.folder, visited.network) as site, chromium(site) as browser:
            visited.visit(browser, trip.text)
        return visited

    with ThreadPoolExecutor(max(1, len(visits))) as pool:
        return list(pool.map(alone, visits))
