"""The suite of the browser library: its parts by themselves, and all of it once, briefly."""

import itertools
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.bar import State, Verdict
from benchmarks.chromium import find_chromium
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.peers.installation import PeerMissingError
from benchmarks.rounds import rounds
from benchmarks.suites import Context
from benchmarks.suites.web import run
from benchmarks.suites.web.agreement import agreement, natural_texts
from benchmarks.suites.web.first_visits import Trip, Visited, judged, seconds_over
from benchmarks.suites.web.line import FAST_4G, SLOW_4G, UNTHROTTLED, Line, Network, Tally
from benchmarks.suites.web.site import LIBRARY, Site, lay_out, served
from benchmarks.suites.web.subjects import SMALL, TINY, Subject, own, peer
from benchmarks.suites.web.transformers_js import ENVIRONMENT, install
from benchmarks.suites.web.transformers_js import lay_out as lay_out_peer
from benchmarks.suites.web.visits import Visit, chromium
from registry import Artifact, FileStore

PAGE = b"<!doctype html>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "graph.wasm").write_bytes(b"w" * 5_000)
    (tmp_path / "graph.wasm.br").write_bytes(b"b" * 1_000)
    return tmp_path


def fetch(site: Site, name: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(site.url + name) as answer:  # noqa: S310
        return answer.read(), {key.lower(): value for key, value in answer.headers.items()}


def subject(model_id: str, library: str = "samegraph") -> Subject:
    return Subject(library, model_id, "page.html", ("main",), "a text", 1)


def visit(milliseconds: float, size: int = 1_000_000) -> Visit:
    return Visit(milliseconds, 0.5, Tally(requests=7, bytes=size))


def trip(*, peer: bool) -> tuple[Trip, list[Visited]]:
    ours = (subject(TINY), subject(SMALL))
    theirs = subject(SMALL, "transformers.js") if peer else None
    made = Trip(ours, theirs, Path(), "a text")
    return made, [Visited(one, UNTHROTTLED) for one in made.subjects]


def test_files_come_compressed_where_there_is_such_a_one_and_every_byte_is_counted(
    folder: Path,
) -> None:
    with served(folder, UNTHROTTLED) as site:
        graph, head = fetch(site, "graph.wasm")
        first = site.line.tally
        page, page_head = fetch(site, "index.html")
        second = site.line.tally.since(first)
    assert graph == b"b" * 1_000
    assert (head["content-encoding"], head["content-type"]) == ("br", "application/wasm")
    assert page == PAGE
    assert "content-encoding" not in page_head
    assert page_head["cache-control"] == "no-cache"
    assert first.requests == second.requests == 1
    assert 1_000 < first.bytes < 1_600
    assert len(PAGE) < second.bytes < 600


def test_a_line_is_shared_by_all_who_ask_at_once(folder: Path) -> None:
    # 1,000 bytes and a head each: four together cannot take less than 0.2 s, nor one less than 0.3.
    network = Network("slow", bytes_per_s=20_000, latency_s=0.25)
    with served(folder, network) as site:
        began = time.monotonic()
        asking = [threading.Thread(target=fetch, args=(site, "graph.wasm")) for _ in range(4)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        took = time.monotonic() - began
    assert took >= 0.25 + 4 * 1_000 / 20_000 - 0.06
    assert site.line.tally.requests == 4


def test_a_line_without_a_limit_lets_all_pass_at_once() -> None:
    line, written = Line(UNTHROTTLED), list[bytes]()
    line.send(memoryview(b"x" * 100_000), lambda part: written.append(bytes(part)))
    assert [len(part) for part in written] == [100_000]


def test_rounds_end_before_the_longest_of_them_would_not_fit() -> None:
    clock = itertools.accumulate([0, 0, 0, 4, 4, 4, 7, 7]).__next__
    assert list(rounds(10, clock=lambda: float(clock()))) == [0, 1]


@pytest.mark.parametrize(("least", "most", "counted"), [(3, 9, 3), (1, 2, 1)])
def test_there_is_a_least_number_of_rounds_however_little_time_there_is(
    least: int, most: int, counted: int
) -> None:
    assert len(list(rounds(0, least=least, most=most))) == counted


def test_what_a_visit_takes_over_a_slow_line_is_known_beforehand() -> None:
    assert seconds_over(UNTHROTTLED, visit(2_000)) == pytest.approx(2)
    assert 3.9 < seconds_over(FAST_4G, visit(2_000)) < 4.1
    assert 130 < seconds_over(SLOW_4G, visit(2_000, 24_000_000)) < 145


def test_first_visits_are_compared_round_by_round_and_judged() -> None:
    made, visits = trip(peer=True)
    theirs, tiny, small = visits
    theirs.cold += [visit(1_000), visit(3_000), visit(1_000)]
    tiny.cold += [visit(400), visit(600), visit(500)]
    small.cold += [visit(1_200), visit(2_000), visit(1_100)]
    found = list(judged(made, visits))
    ratios = [one.values for one in found if isinstance(one, Measurement)]
    states = [one.state for one in found if isinstance(one, Verdict)]
    assert ratios == [(0.4, 0.2, 0.5), pytest.approx((1.2, 2 / 3, 1.1))]
    assert states == [State.MET, State.NOT_MET]


def test_without_the_peer_nothing_is_compared() -> None:
    made, visits = trip(peer=False)
    for one in visits:
        one.cold.append(visit(1_000))
    assert list(judged(made, visits)) == []


def test_bytes_and_requests_are_told_once_and_times_for_every_network() -> None:
    over = [Visited(subject(TINY), network) for network in (UNTHROTTLED, SLOW_4G)]
    for one in over:
        one.cold.append(visit(1_000))
        one.warm.append(visit(500, 129))
    fast, slow = (list(one.measurements()) for one in over)
    assert [one.quantity for one in slow] == ["first answer"] * 2
    assert {one.quantity for one in fast} == {"first answer", "bytes on the wire", "requests"}
    assert [dict(one.at)["cache"] for one in slow] == ["cold", "warm"]


@pytest.fixture(scope="module")
def brief(lexical_tiny: Artifact) -> list[Finding]:
    """One round of everything, without the peer, over the networks for which there is time."""
    if find_chromium() is None:
        pytest.skip("no Chromium: `python -m benchmarks.chromium` installs one")
    assert LIBRARY.is_dir(), "run `make web`"
    context = Context((lexical_tiny,), peers=(), budget_s=2, tell=lambda _: None)
    return list(run(context))


def of(brief: list[Finding], quantity: str) -> Iterator[Measurement]:
    return (one for one in brief if isinstance(one, Measurement) and one.quantity == quantity)


def test_a_first_visit_fetches_megabytes_and_a_second_next_to_nothing(
    brief: list[Finding],
) -> None:
    cold, warm = of(brief, "bytes on the wire")
    assert 3e6 < cold.median < 4e6
    assert warm.median < 1_000
    first, second = of(brief, "requests")
    assert second.median < first.median


def test_every_network_is_measured_or_missing_with_a_reason(brief: list[Finding]) -> None:
    measured = {str(one.at["network"]) for one in of(brief, "first answer")}
    assert {"unthrottled", "broadband"} <= measured
    why = {one.subject: one.why for one in brief if isinstance(one, Missing)}
    for name in {"Fast 4G", "Slow 4G"} - measured:
        assert "a visit takes" in why[f"samegraph {TINY}, first answer, {name}"]


def test_warm_predictions_of_both_threads_are_measured_and_judged(brief: list[Finding]) -> None:
    assert {one.at["thread"] for one in of(brief, "warm latency")} == {"page", "worker"}
    verdicts = {one.bar.name: one for one in brief if isinstance(one, Verdict)}
    assert verdicts["W6"].state is State.MET
    assert {name for name, one in verdicts.items() if one.values} >= {"W4", "W5", "W6"}


def test_memory_is_told_by_the_number_of_cycles(brief: list[Finding]) -> None:
    found = list(of(brief, "memory of the page"))
    assert found[0].at == {"cycles": 1}
    assert all(20 < one.median < 1_000 for one in found)


def test_a_peer_that_is_not_there_is_missing_and_so_are_its_bars(brief: list[Finding]) -> None:
    missing = {one.subject for one in brief if isinstance(one, Missing)}
    assert {"transformers.js", f"samegraph {SMALL}"} <= missing
    without = {
        one.bar.name for one in brief if isinstance(one, Verdict) and one.state is State.MISSING
    }
    assert without == {"W2", "W3"}


def test_the_peer_gives_the_same_probabilities_where_it_is_installed(tmp_path: Path) -> None:
    small = next((one for one in FileStore().artifacts() if one.manifest.model_id == SMALL), None)
    if small is None or not (ENVIRONMENT / "site").is_dir():
        pytest.skip("transformers.js or minilm-small is not here: `make bench SUITE=web`")
    lay_out(tmp_path, [small])
    lay_out_peer(small, tmp_path)
    with served(tmp_path, UNTHROTTLED) as site, chromium(site) as browser:
        verdict = agreement(browser, own(small), peer(small), natural_texts(small)[:2])
    assert verdict.state is State.MET


def test_a_peer_that_cannot_be_installed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match="npm cannot be started"):
        install(tmp_path / "transformers")


def test_without_artifacts_the_suite_says_so() -> None:
    context = Context((), peers=(), budget_s=2, tell=lambda _: None)
    (only,) = run(context)
    assert isinstance(only, Missing)
    assert "make export" in only.why
