"""Plans carried out: what a caller sees when backends work, fail, hang or are left alone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from registry import Artifact, Backend
from registry.manifest import Routing
from runtime_server.engine import Availability, EngineTimings, Score, Scores
from runtime_server.errors import EngineError, EngineOverloadedError
from runtime_server.readiness import WARM_TEXTS
from tests.waiting import wait_for

LOCAL, MODAL = Backend.LOCAL, Backend.MODAL
SMALL = Routing(preferred_backend=LOCAL, fallback_backends=(MODAL,))
LARGE = Routing(preferred_backend=MODAL, fallback_backends=(LOCAL,))

MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]


@dataclass
class Somewhere:
    """A backend that answers 0.75, or does what it is told to."""

    error: Exception | None = None
    hangs: bool = False
    state: Availability = field(default_factory=Availability)
    texts: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def available(self, artifact: Artifact) -> Availability:
        return self.state

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        self.texts += [text for text in texts if text not in WARM_TEXTS]
        try:
            if self.hangs:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += texts
            raise
        if self.error is not None:
            raise self.error
        score = Score(0.75, tokens=None, windows=1, truncated=False)
        return Scores((score,) * len(texts), "somewhere", EngineTimings(0, 0, 0, 0))

    async def close(self) -> None:
        pass


def predict(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/predict", json={"text": "some text", **body})


def fallbacks(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(f["backend"], f["reason"]) for f in answer.json()["metadata"]["fallbacks"]]


def test_a_small_model_runs_on_local(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=SMALL)
    modal = Somewhere()
    answer = predict(make_client({LOCAL: Somewhere(), MODAL: modal}))
    assert (answer.status_code, answer.json()["backend"]) == (200, "local")
    assert fallbacks(answer) == []
    assert len(modal.texts) == 0


def test_a_large_model_runs_on_modal(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=LARGE)
    local = Somewhere()
    answer = predict(make_client({LOCAL: local, MODAL: Somewhere()}))
    assert (answer.status_code, answer.json()["backend"]) == (200, "modal")
    assert fallbacks(answer) == []
    assert len(local.texts) == 0


@pytest.mark.parametrize(
    ("modal", "reason"),
    [
        (Somewhere(state=Availability("not_deployed", "there is no such app")), "not_deployed"),
        (Somewhere(error=EngineError("unreachable", "no route")), "unreachable"),
        (Somewhere(error=EngineOverloadedError("too much", retry_after_s=3)), "overloaded"),
        (Somewhere(hangs=True), "attempt_timed_out"),
    ],
    ids=["unavailable", "failing", "overloaded", "hanging"],
)
def test_an_unavailable_backend_is_replaced_by_the_first_available_fallback_and_the_answer_says_so(
    publish: Publish, graph: bytes, make_client: MakeClient, modal: Somewhere, reason: str
) -> None:
    publish(graph, routing=LARGE)
    client = make_client({LOCAL: Somewhere(), MODAL: modal}, attempt_timeout_ms=300)
    answer = predict(client)
    assert (answer.status_code, answer.json()["backend"]) == (200, "local")
    assert fallbacks(answer) == [("modal", reason)]
    assert len(modal.cancelled) == int(modal.hangs)


def test_where_all_backends_are_unavailable_a_503_lists_the_attempts_and_suggests_what_to_do(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=LARGE)
    full = Somewhere(state=Availability("exceeds_memory_budget", "it takes 3 GB"))
    broken = Somewhere(error=EngineError("unreachable", "no route"))
    answer = predict(make_client({LOCAL: full, MODAL: broken}))
    problem = answer.json()
    assert answer.status_code == 503
    assert problem["code"] == "all_backends_failed"
    assert problem["message"] == "All inference backends failed"
    assert problem["attempts"] == [
        {"backend": "modal", "reason": "unreachable", "detail": "no route"},
        {"backend": "local", "reason": "exceeds_memory_budget", "detail": "it takes 3 GB"},
    ]
    assert "VPS_CPU_MEMORY_GB" in problem["suggestion"]


def test_the_last_backend_may_take_until_the_deadline(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=SMALL)
    local = Somewhere(hangs=True)
    client = make_client({LOCAL: local}, attempt_timeout_ms=10, request_timeout_ms=400)
    answer = predict(client)
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert answer.elapsed.total_seconds() >= 0.4
    assert local.texts == local.cancelled == ["some text"]


def breaker(client: httpx.Client, backend: Backend) -> str:
    backends = client.get("/backends").json()["backends"]
    return next(state["breaker"] for state in backends if state["backend"] == backend)


def test_a_backend_that_keeps_failing_is_left_alone(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=LARGE)
    modal = Somewhere(error=EngineError("unreachable", "no route"))
    client = make_client({LOCAL: Somewhere(), MODAL: modal}, breaker_open_s=60)
    assert breaker(client, MODAL) == "closed"
    answers = [predict(client) for _ in range(8)]
    assert [answer.json()["backend"] for answer in answers] == ["local"] * 8
    assert len(modal.texts) == 5
    assert fallbacks(answers[-1]) == [("modal", "breaker_open")]
    assert breaker(client, MODAL) == "open"
    assert breaker(client, LOCAL) == "closed"
    assert 'samegraph_breaker_state{backend="modal",model="hash-tiny@1.0.0"} 2.0' in (
        client.get("/metrics").text
    )


def test_a_backend_that_is_back_is_used_again(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=LARGE)
    modal = Somewhere(error=EngineError("unreachable", "no route"))
    client = make_client({LOCAL: Somewhere(), MODAL: modal}, breaker_open_s=0.001)
    for _ in range(6):
        predict(client)
    modal.error = None
    wait_for(lambda: breaker(client, MODAL) == "half_open")
    assert predict(client).json()["backend"] == "modal"
    assert breaker(client, MODAL) == "closed"


def test_where_only_a_backend_that_is_left_alone_could_answer_retry_after_says_when(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=LARGE)
    client = make_client({MODAL: Somewhere(error=EngineError("unreachable", "no route"))})
    answers = [predict(client) for _ in range(6)]
    assert "retry-after" not in answers[0].headers
    assert 0 < int(answers[-1].headers["retry-after"]) <= 10


def test_a_callers_own_short_deadline_never_counts_against_a_backend(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=SMALL)
    client = make_client({LOCAL: Somewhere(hangs=True)})
    for _ in range(8):
        answer = client.post("/predict", json={"text": "x"}, headers={"X-Request-Timeout-Ms": "20"})
        assert answer.status_code == 504
    assert breaker(client, LOCAL) == "closed"


def test_a_backend_that_lets_the_servers_deadline_pass_is_left_alone(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=SMALL)
    local = Somewhere(hangs=True)
    client = make_client({LOCAL: local}, request_timeout_ms=20)
    assert [predict(client).status_code for _ in range(6)] == [504] * 5 + [503]
    assert len(local.texts) == 5
    assert breaker(client, LOCAL) == "open"


def test_a_caller_that_hangs_up_never_counts_against_a_backend(
    publish: Publish, graph: bytes, make_client: MakeClient
) -> None:
    publish(graph, routing=SMALL)
    local = Somewhere(hangs=True)
    client = make_client({LOCAL: local})
    for _ in range(6):
        with pytest.raises(httpx.ReadTimeout):
            client.post("/predict", json={"text": "x"}, timeout=0.5)
    assert len(local.texts) == 6
    assert breaker(client, LOCAL) == "closed"
