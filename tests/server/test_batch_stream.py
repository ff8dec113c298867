"""POST /batch-predict as lines of JSON."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from itertools import islice

import httpx

from registry import Artifact, Backend
from runtime_server.engine import Scores
from runtime_server.errors import EngineError
from runtime_server.routes.predict import NDJSON, STREAMED_AT_ONCE
from tests.server.test_deadline import SlowEngine

MakeClient = Callable[..., httpx.Client]
HEADERS = {"Accept": NDJSON}


def lines(answer: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def test_lines_are_the_items_of_the_whole_answer_in_order(client: httpx.Client) -> None:
    texts = [f"text number {n}" for n in range(2 * STREAMED_AT_ONCE + 5)]
    whole = client.post("/batch-predict", json={"texts": texts}).json()["results"]
    answer = client.post("/batch-predict", json={"texts": texts}, headers=HEADERS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, NDJSON)
    found = lines(answer)
    assert [line["index"] for line in found] == list(range(len(texts)))
    assert {line["status"] for line in found} == {200}
    assert [line["result"]["probability"] for line in found] == [
        item["probability"] for item in whole
    ]


def test_a_text_that_cannot_be_taken_has_a_status_of_its_own(client: httpx.Client) -> None:
    found = lines(client.post("/batch-predict", json={"texts": ["a", "", 3, "b"]}, headers=HEADERS))
    assert [line["status"] for line in found] == [200, 422, 422, 200]
    codes = [line["error"] and line["error"]["code"] for line in found]
    assert codes == [None, "text_too_short", "invalid_request", None]


def test_what_concerns_the_whole_batch_is_said_before_the_first_line(
    make_client: MakeClient, artifact: Artifact
) -> None:
    answer = make_client(max_batch_items=2).post(
        "/batch-predict", json={"texts": ["a", "b", "c"]}, headers=HEADERS
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_texts")
    answer = make_client().post(
        "/batch-predict", json={"texts": ["a"], "model_id": "nothing"}, headers=HEADERS
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


class BrokenAfterTheFirst(SlowEngine):
    """Answers the first part, and fails on all others."""

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        if not texts[0].startswith(("0", "A first")):
            raise EngineError("run_failed", "broken")
        return await super().predict(artifact, texts)


def test_a_part_that_fails_is_errors_and_the_others_stay(
    make_client: MakeClient, artifact: Artifact
) -> None:
    client = make_client({Backend.LOCAL: BrokenAfterTheFirst(0)})
    texts = [str(n) for n in range(STREAMED_AT_ONCE + 3)]
    found = lines(client.post("/batch-predict", json={"texts": texts}, headers=HEADERS))
    assert [line["status"] for line in found] == [200] * STREAMED_AT_ONCE + [503] * 3


class Endless(SlowEngine):
    """Answers the first part, and then waits to be cancelled."""

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        if texts[0].startswith(("0", "A first")):
            return await super().predict(artifact, texts)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("nobody cancelled it")


def test_lines_come_as_soon_as_they_are_there_and_a_caller_that_leaves_ends_the_rest(
    make_client: MakeClient, artifact: Artifact
) -> None:
    engine = Endless(0, threading.Event())
    client = make_client({Backend.LOCAL: engine})
    texts = [str(n) for n in range(2 * STREAMED_AT_ONCE)]
    with client.stream("POST", "/batch-predict", json={"texts": texts}, headers=HEADERS) as answer:
        seen = [json.loads(line)["index"] for line in islice(answer.iter_lines(), 5)]
    assert seen == list(range(5))
    assert engine.cancelled.wait(timeout=10)
