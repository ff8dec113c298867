"""Deadlines, callers that hang up, and overload, over a real connection."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from registry import Artifact, Backend
from runtime_server.deadline import HEADER
from runtime_server.engine import Availability, EngineTimings, Score, Scores
from runtime_server.errors import EngineOverloadedError
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine, QueueLimits
from runtime_server.placement import MemoryBudget
from tests.waiting import wait_for

MakeClient = Callable[..., httpx.Client]
TIMINGS = EngineTimings(load_ms=0, normalize_ms=0, queue_ms=0, run_ms=0)


@dataclass
class SlowEngine:
    """An Engine that takes its time, and counts who did not wait for it."""

    seconds: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    def available(self, artifact: Artifact) -> Availability:
        return Availability()

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        try:
            # Warming up is not what is tested.
            await asyncio.sleep(self.seconds if texts[0].startswith("slow") else 0)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        score = Score(0.5, tokens=None, windows=1, truncated=False)
        return Scores(tuple(score for _ in texts), "test", TIMINGS)

    async def close(self) -> None:
        pass


class FullEngine(SlowEngine):
    """One that takes nothing."""

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        raise EngineOverloadedError("9000 tokens wait", retry_after_s=2.3)


def test_the_callers_deadline_ends_the_work(make_client: MakeClient, artifact: Artifact) -> None:
    engine = SlowEngine(seconds=20)
    client = make_client({Backend.LOCAL: engine})
    answer = client.post("/predict", json={"text": "slow"}, headers={HEADER: "50"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (504, "deadline_exceeded")
    assert problem["limit_ms"] == 50
    assert engine.cancelled.wait(timeout=5)


def test_the_settings_deadline_holds_where_the_caller_asks_for_more(
    make_client: MakeClient, artifact: Artifact
) -> None:
    client = make_client({Backend.LOCAL: SlowEngine(seconds=20)}, request_timeout_ms=50)
    for headers in ({}, {HEADER: "60000"}):
        answer = client.post("/batch-predict", json={"texts": ["slow"]}, headers=headers)
        assert answer.json()["limit_ms"] == 50


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "", "²"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(
    client: httpx.Client, value: str
) -> None:
    answer = client.post("/predict", json={"text": "x"}, headers={HEADER: value.encode()})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert HEADER in answer.json()["detail"]


def test_nothing_is_computed_for_a_caller_that_has_hung_up(
    make_client: MakeClient, artifact: Artifact
) -> None:
    engine = SlowEngine(seconds=20)
    client = make_client({Backend.LOCAL: engine})
    body = b'{"text": "slow"}'
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as caller:
        caller.sendall(
            b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        time.sleep(0.2)
    assert engine.cancelled.wait(timeout=5)
    assert client.get("/livez").status_code == 200


def test_a_full_server_says_so_at_once_and_when_to_come_again(
    make_client: MakeClient, artifact: Artifact
) -> None:
    answer = make_client({Backend.LOCAL: FullEngine(0)}).post("/predict", json={"text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "3"


def test_more_tokens_than_may_wait_are_refused_while_the_first_ones_run(
    make_client: MakeClient, artifact: Artifact
) -> None:
    running, go_on = threading.Event(), threading.Event()

    @dataclass(frozen=True)
    class Held:
        model: LoadedModel

        input = property(lambda self: self.model.input)
        session = property(lambda self: self.model.session)

        def run(self, rows: Sequence[Any]) -> tuple[float, ...]:
            if rows[0].form.startswith("hold"):
                running.set()
                go_on.wait(timeout=20)
            return self.model.run(rows)

    engine = LocalEngine(
        SessionPlan(threads=1, allow_cuda=False),
        MemoryBudget(cpu_bytes=None, gpu_bytes=None),
        load=lambda *given: Held(LoadedModel.load(*given)),
        limits=QueueLimits(most_tokens=50),
    )
    client = make_client({Backend.LOCAL: engine})
    wait_for(lambda: client.get("/readyz").status_code == 200)
    found: list[httpx.Response] = []
    held = threading.Thread(
        # Two: a single brief text would run at once, on the thread of all requests.
        target=lambda: found.append(
            client.post("/batch-predict", json={"texts": ["hold " * 20] * 2})
        )
    )
    held.start()
    assert running.wait(timeout=20)
    began = time.perf_counter()
    answer = client.post("/predict", json={"text": "too much " * 20})
    assert time.perf_counter() - began < 5
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert int(answer.headers["Retry-After"]) >= 1
    go_on.set()
    held.join()
    assert found[0].status_code == 200
    assert client.post("/predict", json={"text": "too much " * 20}).status_code == 200
