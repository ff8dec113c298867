"""Whatever Modal does, a caller gets the next backend's answer, or an error, in time."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import cbor2
import httpx
import pytest
from grpclib import Status

from benchmarks.black_hole import black_hole
from registry import Artifact
from runtime_server.errors import EngineError
from runtime_server.metrics import Metrics
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_engine import ModalEngine
from runtime_server.settings import Settings
from tests.modal_backend.asking import TEXT, ask, fallbacks, model_state, serving, state
from tests.modal_backend.conftest import built, run_modal
from tests.modal_loopback import Fault, LoopbackModal
from tests.modal_loopback.state import Call
from tests.waiting import wait_for

NO_ROOM_HERE = {"vps_cpu_memory_gb": 0.0001, "default_model": "lexical-tiny"}
DEADLINE_S = 10.0


def warmed(client: httpx.Client) -> None:
    wait_for(lambda: ask(client, "something to warm up with").json()["backend"] == "modal")


def last_call(modal: LoopbackModal) -> Call:
    return list(modal.calls.values())[-1]


@pytest.mark.parametrize(
    ("rpc", "fault", "reason"),
    [
        ("FunctionMap", Fault(delay_s=2), "attempt_timed_out"),
        ("FunctionGetOutputs", Fault(delay_s=2), "attempt_timed_out"),
        ("FunctionMap", Fault(Status.FAILED_PRECONDITION), "remote_failed"),
        ("FunctionMap", Fault(Status.RESOURCE_EXHAUSTED), "throttled"),
        ("FunctionMap", Fault(Status.UNAUTHENTICATED), "unauthorized"),
        ("FunctionMap", Fault(Status.NOT_FOUND), "not_deployed"),
        ("FunctionGetOutputs", Fault(Status.RESOURCE_EXHAUSTED), "throttled"),
    ],
    ids=["slow to take it", "slow to answer", "failing", "throttled", "refused", "gone", "busy"],
)
def test_a_call_that_fails_falls_back_and_the_answer_says_why(
    modal: LoopbackModal, rpc: str, fault: Fault, reason: str
) -> None:
    with serving(attempt_timeout_ms=700) as client:
        warmed(client)
        modal.always[rpc] = fault
        began = time.monotonic()
        answer = ask(client)
        assert time.monotonic() - began < DEADLINE_S
        assert (answer.json()["backend"], fallbacks(answer)) == ("local", [("modal", reason)])


@pytest.mark.parametrize(
    "fault", [Fault(delay_s=2), Fault(Status.RESOURCE_EXHAUSTED)], ids=["slow", "throttled"]
)
def test_a_call_that_nobody_waits_for_any_longer_is_taken_back(
    modal: LoopbackModal, fault: Fault
) -> None:
    with serving(attempt_timeout_ms=1000) as client:
        warmed(client)
        modal.always["FunctionGetOutputs"] = fault
        assert ask(client).json()["backend"] == "local"
        wait_for(lambda: last_call(modal).cancelled)


def test_a_store_that_does_not_take_a_long_text_costs_no_more_than_the_attempt(
    modal: LoopbackModal,
) -> None:
    with serving(attempt_timeout_ms=700) as client:
        warmed(client)
        modal.blob_delay_s = 2
        assert fallbacks(ask(client, TEXT * 300)) == [("modal", "attempt_timed_out")]
        assert modal.count("BlobCreate") == 1


def test_a_call_that_was_taken_too_late_is_taken_back_too(modal: LoopbackModal) -> None:
    with serving(attempt_timeout_ms=1000) as client:
        warmed(client)
        before = last_call(modal)
        modal.always["FunctionMap"] = Fault(delay_s=1.5)
        assert fallbacks(ask(client)) == [("modal", "attempt_timed_out")]
        assert last_call(modal) is before
        wait_for(lambda: last_call(modal) is not before and last_call(modal).cancelled)


def test_a_caller_who_hangs_up_frees_the_container(modal: LoopbackModal) -> None:
    with serving() as client:
        warmed(client)
        modal.freeze()
        with pytest.raises(httpx.ReadTimeout):
            client.post("/predict", json={"text": TEXT, "prefer_backend": "modal"}, timeout=0.7)
        wait_for(lambda: last_call(modal).cancelled)
        modal.thaw()
        # The container lives on, and answers the next one.
        assert ask(client, "another text").json()["backend"] == "modal"
        assert state(client)["breaker"] == "closed"


def is_working(modal: LoopbackModal) -> bool:
    """A container has taken a call that has not ended."""
    return any(call.task_id and not call.done.is_set() for call in modal.calls.values())


def test_a_lost_container_is_replaced_for_the_next_caller(modal: LoopbackModal) -> None:
    with serving() as client:
        warmed(client)
        modal.freeze()
        with ThreadPoolExecutor(1) as threads:
            coming = threads.submit(ask, client)
            wait_for(lambda: is_working(modal))
            modal.kill()
            answer = coming.result(DEADLINE_S)
        assert fallbacks(answer) == [("modal", "container_lost")]
        wait_for(lambda: ask(client, "yet another text").json()["backend"] == "modal")


@pytest.mark.parametrize(
    "garbled",
    [
        b"\xff\xfe no CBOR",
        cbor2.dumps("no answer"),
        cbor2.dumps({"scores": [], "provider": "p", "run_s": 0.1, "load_s": 0}),
        cbor2.dumps(
            {
                "scores": [{"probability": 7, "tokens": 1, "windows": 1, "truncated": False}],
                "provider": "p",
                "run_s": 0.1,
                "load_s": 0,
            }
        ),
    ],
    ids=["no CBOR", "another type", "no score", "no probability"],
)
def test_an_answer_that_is_not_as_agreed_is_not_believed(
    modal: LoopbackModal, garbled: bytes
) -> None:
    with serving() as client:
        warmed(client)
        modal.garbled = garbled
        answer = ask(client)
        assert answer.json()["backend"] == "local"
        assert fallbacks(answer)[0][1] in {"malformed_answer", "remote_failed"}


def test_without_an_app_modal_is_passed_over(modal: LoopbackModal) -> None:
    with serving(modal_app_name="another") as client:
        assert fallbacks(ask(client)) == [("modal", "not_deployed")]
        assert model_state(client)["reason"] == "not_deployed"
        assert client.get("/health").json()["backends"]["modal"]["reason"] == "not_deployed"
    assert modal.count("FunctionMap") == 0


def test_a_model_that_was_not_published_starts_no_container(modal: LoopbackModal) -> None:
    with serving(available_models=("lexical-tiny", "minilm-small")) as client:
        answer = ask(client, model_id="minilm-small")
        assert fallbacks(answer) == [("modal", "not_published")]
    assert modal.count("FunctionMap") == 0


def test_with_a_wrong_token_modal_is_passed_over(modal: LoopbackModal) -> None:
    with serving(modal_token_id="ak-x", modal_token_secret="as-x") as client:  # noqa: S106
        answer = ask(client)
        assert fallbacks(answer) == [("modal", "unauthorized")]
        assert "as-x" not in client.get("/backends").text + client.get("/health").text


@pytest.mark.parametrize("kind", ["nobody listens", "black hole"])
def test_an_unreachable_modal_costs_no_more_than_its_attempt(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with black_hole() as address:
        url = address if kind == "black hole" else "http://127.0.0.1:9"
        monkeypatch.setenv("MODAL_SERVER_URL", url)
        token = {"modal_token_id": "ak-x", "modal_token_secret": "as-x"}
        with serving(**token, attempt_timeout_ms=300) as client:
            for _ in range(6):
                began = time.monotonic()
                answer = ask(client)
                assert time.monotonic() - began < DEADLINE_S
                assert answer.json()["backend"] == "local"
            assert fallbacks(answer) == [("modal", "breaker_open")]
            # Nothing has run, so nothing is charged.
            assert "samegraph_modal_cost_usd_total{" not in client.get("/metrics").text
        with serving(**token, **NO_ROOM_HERE, request_timeout_ms=500) as client:
            began = time.monotonic()
            answer = ask(client)
            assert time.monotonic() - began < DEADLINE_S
            assert answer.status_code in {503, 504}
    # And the server has ended, although the client was still connecting.


def test_an_engine_that_is_asked_without_a_deadline_has_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, lexical_tiny: Artifact
) -> None:
    async def asked() -> None:
        settings = Settings(_env_file=None, modal_start_timeout_s=2)
        engine = ModalEngine.of(settings, ModalCredentials("ak-x", "as-x"), Metrics())
        try:
            await engine.predict(lexical_tiny, [TEXT])
        finally:
            await engine.close()

    with black_hole() as address:
        monkeypatch.setenv("MODAL_SERVER_URL", address)
        began = time.monotonic()
        with pytest.raises(EngineError):
            asyncio.run(asked())
        assert time.monotonic() - began < DEADLINE_S


def test_a_breaker_that_is_open_makes_no_call_and_half_open_one(modal: LoopbackModal) -> None:
    with serving(breaker_open_s=1) as client:
        warmed(client)
        modal.always["FunctionMap"] = Fault(Status.FAILED_PRECONDITION)
        # Four of five calls.
        for _ in range(4):
            assert fallbacks(ask(client)) == [("modal", "remote_failed")]
        before = modal.count("FunctionMap")
        assert fallbacks(ask(client)) == [("modal", "breaker_open")]
        assert modal.count("FunctionMap") == before
        assert state(client)["breaker"] == "open"
        health = client.get("/health").json()["backends"]["modal"]
        assert (health["breaker"], health["reason"]) == ("open", "breaker_open")
        assert 'samegraph_breaker_state{backend="modal",model="lexical-tiny' in (
            client.get("/metrics").text
        )
        wait_for(lambda: state(client)["breaker"] == "half_open")
        # The one that tries it takes longer than the others need to come.
        modal.always["FunctionMap"] = Fault(delay_s=2)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda n: ask(client, f"text {n}"), range(4)))
        assert sorted(a.json()["backend"] for a in answers) == ["local"] * 3 + ["modal"]
        assert state(client)["breaker"] == "closed"


def test_where_nothing_else_can_answer_the_503_says_what_to_do(modal: LoopbackModal) -> None:
    with serving(**NO_ROOM_HERE, modal_app_name="another") as client:
        problem = ask(client).json()
        assert problem["code"] == "all_backends_failed"
        assert problem["attempts"][0]["reason"] == "not_deployed"
        assert "modal deploy" in problem["suggestion"]


def test_forbidden_by_the_operator_modal_is_never_asked(modal: LoopbackModal) -> None:
    with serving(allow_modal_inference=False) as client:
        assert fallbacks(ask(client)) == [("modal", "forbidden_by_settings")]
    assert (modal.count("ClientHello"), modal.count("FunctionMap")) == (0, 0)


def test_a_container_stops_working_on_what_was_taken_back(modal: LoopbackModal) -> None:
    model = built("minilm-small").manifest.model_id
    assert run_modal(modal.environment, "publish", model).returncode == 0
    # A minute of work.
    texts = [f"{n} " + "The kettle clicked off. " * 4000 for n in range(16)]
    body = {"texts": texts, "model_id": model, "prefer_backend": "modal"}

    async def left_midway(url: httpx.URL) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as caller:
            asking = asyncio.create_task(caller.post("/batch-predict", json=body))
            await asyncio.to_thread(wait_for, lambda: is_working(modal))
            asking.cancel()

    with serving(available_models=(model,), default_model=model) as client:
        warmed(client)
        asyncio.run(left_midway(client.base_url))
        wait_for(lambda: "Successfully canceled input" in modal.logs())
        assert ask(client).json()["backend"] == "modal"
