"""While no container is up: who waits, who is answered elsewhere, and how many are started."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime_server.cold_start import REST_S, ColdStart
from runtime_server.errors import EngineError
from tests.modal_backend.asking import ask, fallbacks, model_state, serving, state
from tests.modal_backend.clock import Hands
from tests.modal_loopback import LoopbackModal
from tests.waiting import wait_for


@pytest.fixture
def cold(modal: LoopbackModal) -> Iterator[LoopbackModal]:
    """Nothing is up, and a start takes a second, and what the entry point takes."""
    modal.kill()
    wait_for(lambda: modal.warm == 0)
    modal.start_s = 1.0
    yield modal
    modal.start_s = 0.0


def test_a_caller_with_time_waits_for_a_container(cold: LoopbackModal) -> None:
    with serving() as client:
        began = time.monotonic()
        answer = ask(client)
        assert answer.json()["backend"] == "modal"
        assert time.monotonic() - began > 1
        assert (model_state(client)["warm"], cold.warm) == (True, 1)
        metrics = client.get("/metrics").text
    assert 'samegraph_modal_start_seconds_count{model="lexical-tiny' in metrics


def test_a_start_that_would_take_too_long_is_not_waited_for_and_goes_on(
    cold: LoopbackModal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "runtime_server")
    with serving(modal_expected_start_s=60) as client:
        began = time.monotonic()
        answers = [ask(client) for _ in range(3)]
        assert time.monotonic() - began < 10
        assert [fallbacks(a) for a in answers] == [[("modal", "cold_start")]] * 3
        model = model_state(client)
        assert (model["warm"], model["expected_start_s"]) == (False, 60)
        # Nobody asks meanwhile, and the next caller finds it done.
        wait_for(lambda: model_state(client)["warm"])
        assert ask(client).json()["backend"] == "modal"
        assert state(client)["breaker"] == "closed"
    # One call has woken it, one has asked it.
    assert (cold.count("FunctionMap"), cold.warm) == (2, 1)
    assert [r.message for r in caplog.records if "is to start" in r.message] == [
        f"a container of {model['model']} is to start, in about 60 s"
    ]
    assert not any("cold_start" in record.message for record in caplog.records)


def test_a_start_that_takes_longer_than_expected_ends_before_the_deadline(
    cold: LoopbackModal,
) -> None:
    with serving(vps_cpu_memory_gb=0.0001, request_timeout_ms=1000) as client:
        began = time.monotonic()
        answer = ask(client)
        assert time.monotonic() - began < 10
        assert answer.status_code == 503
        assert [a["reason"] for a in answer.json()["attempts"]][:1] == ["cold_start"]
        assert "a container" in answer.json()["suggestion"]


def test_callers_who_come_together_wake_one_container(cold: LoopbackModal) -> None:
    with serving() as client, ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: ask(client, f"text {n}"), range(6)))
    assert {a.json()["backend"] for a in answers} == {"modal"}
    assert (cold.count("FunctionMap"), cold.warm) == (1 + 6, 1)


@pytest.fixture
def damaged(cold: LoopbackModal) -> Iterator[LoopbackModal]:
    """The graph in the Volume is not that of the manifest: no container can come up."""
    (graph,) = cold.volume_folder("samegraph-artifacts").glob("*/model.onnx")
    content = graph.read_bytes()
    graph.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    yield cold
    graph.write_bytes(content)


def test_a_container_that_cannot_start_falls_back(damaged: LoopbackModal) -> None:
    with serving() as client:
        assert fallbacks(ask(client)) == [("modal", "digest_mismatch")]


def test_a_start_that_has_failed_is_not_paid_for_again_by_the_next_caller(
    damaged: LoopbackModal,
) -> None:
    with serving(modal_expected_start_s=60) as client:
        assert fallbacks(ask(client)) == [("modal", "cold_start")]
        wait_for(lambda: fallbacks(ask(client)) == [("modal", "digest_mismatch")])
    assert damaged.count("FunctionMap") == 1


def test_what_is_expected_is_the_slowest_start_of_late() -> None:
    known = ColdStart(idle_s=60, first_guess_s=20)
    assert known.expected_s == 20
    for seconds in (9, 30, 5, 6, 7, 8):
        known.started(seconds)
    assert known.expected_s == 30
    known.started(4)
    assert known.expected_s == 8


def test_a_container_is_thought_to_be_up_for_as_long_as_it_stays_without_work() -> None:
    clock = Hands(100.0)
    known = ColdStart(idle_s=60, first_guess_s=20, clock=clock)
    assert (known.warm, known.remaining_s) == (False, 20)
    known.answered()
    assert (known.warm, known.remaining_s) == (True, 0)
    clock.now += 61
    assert not known.warm
    known.counted(1)
    assert known.warm
    known.counted(0)
    assert not known.warm
    known.answered()
    known.gone()
    assert not known.warm


def test_what_a_start_failed_with_is_told_for_a_while() -> None:
    clock = Hands(100.0)
    known = ColdStart(idle_s=60, first_guess_s=20, clock=clock)
    known.require_hope()
    known.failed(EngineError("cuda_failed", "no CUDA"))
    with pytest.raises(EngineError, match="cuda_failed"):
        known.require_hope()
    clock.now += REST_S
    known.require_hope()


def test_a_start_under_way_is_joined_and_what_remains_of_it_shrinks() -> None:
    clock = Hands(100.0)

    async def joined() -> None:
        known = ColdStart(idle_s=60, first_guess_s=20, clock=clock)
        up = asyncio.Event()

        async def work() -> None:
            await up.wait()

        first = known.wake(work)
        clock.now += 15
        assert known.wake(work) is first
        assert known.remaining_s == pytest.approx(5)
        up.set()
        await first
        await asyncio.sleep(0)
        assert known.warm
        assert not known.waking

    asyncio.run(joined())
