"""The server suite: its choices, and all of it once, on a small model and with little time."""

from collections.abc import Mapping

import pytest

from benchmarks.bar import State, Verdict
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.mixed_texts import mixed_texts
from benchmarks.serving.wrk import Counted, TooFewError
from benchmarks.suites.server import measure
from benchmarks.suites.server.field import CEILING, OURS, Field
from benchmarks.suites.server.latencies import same_rate, seconds
from benchmarks.suites.server.pace import OVERLOAD_AND_AFTER, ROUNDS, SENDER_S, STREAMS, Pace
from registry import FileStore, norm1
from registry.store import DEFAULT_ROOT

NAIVE = "FastAPI, no batching"


@pytest.mark.parametrize(("left_s", "servers"), [(240, 7), (60, 2), (1000, 7)])
def test_the_loads_fit_into_the_time(left_s: float, servers: int) -> None:
    pace = Pace.of(left_s, servers)
    each = (
        pace.rounds * pace.peak_s
        + STREAMS * (pace.rate_s + SENDER_S)
        + OVERLOAD_AND_AFTER * pace.overload_s
    )
    assert each * servers < left_s
    assert pace.rounds <= ROUNDS


def test_without_time_everything_is_measured_once() -> None:
    pace = Pace.of(-5, 7)
    assert (pace.rounds, pace.peak_s) == (1, 1)
    assert 0 < pace.rate_s <= 1
    assert 0 < pace.overload_s <= 1


def test_slow_servers_are_watched_for_longer_up_to_a_limit() -> None:
    pace = Pace(rounds=5, peak_s=2, rate_s=3.0, overload_s=2.0)
    assert seconds(1000, pace) == 3
    assert 3 < seconds(30, pace) < 6
    assert seconds(1, pace) == 6


def test_the_rate_for_all_is_one_that_all_keep_up_with_but_those_far_behind() -> None:
    assert same_rate([100, 20]) == pytest.approx(14)
    assert same_rate([100, 20, 5]) == pytest.approx(14)


def counted(moments: list[float]) -> Counted:
    return Counted(moments=tuple(moments), bad=0, cut=0)


def test_a_rate_counts_whole_batches() -> None:
    # Batches of four, one every 100 ms; four callers, then six, one of which joins them later.
    batches = [number / 10 + place / 1e5 for number in range(8) for place in range(4)]
    assert counted(batches).per_s(callers=4) == pytest.approx(40, rel=0.01)
    assert counted(batches).per_s(callers=6) == pytest.approx(40, rel=0.01)


def test_a_rate_of_single_answers_is_what_it_is() -> None:
    assert counted([number / 50 for number in range(200)]).per_s(callers=32) == pytest.approx(50)
    assert counted([number / 900 for number in range(900)]).per_s(callers=32) == pytest.approx(900)


def test_a_load_in_which_callers_wait_for_their_second_answer_gives_no_rate() -> None:
    for moments in ([], [0.0], [number / 1e5 for number in range(40)]):
        with pytest.raises(TooFewError, match="too few"):
            counted(moments).per_s(callers=32)


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    field = Field(
        artifact=FileStore(DEFAULT_ROOT).resolve("minilm-small"),
        texts=tuple(map(norm1, mixed_texts(60))),
        peers=("naive", "nobody"),
        budget_s=1,
        tell=lambda line: None,
        shares=(0.5,),
    )
    return list(measure(field))


def measured(findings: list[Finding], quantity: str) -> Mapping[str, Measurement]:
    return {
        one.subject: one
        for one in findings
        if isinstance(one, Measurement) and one.quantity == quantity
    }


def test_every_server_is_asked_the_same_and_the_graph_alone_is_the_ceiling(
    findings: list[Finding],
) -> None:
    for quantity in ("peak throughput", "CPU time per request"):
        found = measured(findings, quantity)
        assert set(found) == {CEILING, OURS, NAIVE}
        assert all(one.median > 0 for one in found.values())
    for quantity in (
        "start",
        "memory",
        "latency at a share of its own peak",
        "good answers at 3 × the peak, of the peak",
        "first answer after 3 × the peak",
        "right answers beside and after bad input",
        "from SIGTERM to the end of all its processes",
    ):
        assert set(measured(findings, quantity)) == {OURS, NAIVE}, quantity


def test_a_peer_that_does_not_run_is_missing_and_says_why(findings: list[Finding]) -> None:
    (why,) = (one.why for one in findings if isinstance(one, Missing) and one.subject == "nobody")
    assert why.startswith("is none of naive")


def test_our_server_keeps_what_it_promises_about_bad_input_and_sigterm(
    findings: list[Finding],
) -> None:
    verdicts = {one.bar.name: one for one in findings if isinstance(one, Verdict)}
    assert set(verdicts) == {"bad input", "bad input: status", "SIGTERM", "SIGTERM: exit"}
    for name, verdict in verdicts.items():
        assert verdict.state is State.MET, (name, verdict.told)


def test_no_measurement_has_the_name_of_another(findings: list[Finding]) -> None:
    names = [one.name for one in findings if isinstance(one, Measurement)]
    assert len(names) == len(set(names))
