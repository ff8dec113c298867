"""Streams of requests to a real server, sent by the real process."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import ValidationError

from benchmarks.serving.sender import at_random_moments
from benchmarks.serving.traffic import Answer, Answers, Plan, Stream, send

SLOW_S = 0.3


class Refusing(BaseHTTPRequestHandler):
    """200 for texts, late where the text is "slow", 503 where it is "too much"; 204 for GET."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(204)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["text"] == "slow":
            time.sleep(SLOW_S)
        self._answer(503 if body["text"] == "too much" else 200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_request_is_answered_once_and_an_endless_stream_ends_with_the_others(
    url: str,
) -> None:
    bodies = (json.dumps({"text": "fine"}), json.dumps({"text": "too much"}))
    answers = send(
        Stream(name="posts", url=url, bodies=bodies, callers=3, requests=41),
        Stream(name="gets", url=url),
    )
    assert (answers["posts"].count(200), answers["posts"].count(503)) == (21, 20)
    assert answers["gets"].count(204) >= 1
    assert answers["posts"].seconds > 0


def test_a_rate_is_kept_whatever_the_answers_do(url: str) -> None:
    (answers,) = send(Stream(name="gets", url=url, per_s=100, seconds=1)).values()
    assert 40 < len(answers.items) < 180


def test_a_late_request_still_counts_from_when_it_was_due() -> None:
    async def due(busy_s: float) -> list[float]:
        began, moments = time.perf_counter(), list[float]()
        async for moment, _ in at_random_moments(iter([None] * 20), per_s=1000):
            time.sleep(busy_s)  # noqa: ASYNC251 (a loop that is held up)
            moments.append(moment - began)
        return moments

    free, held_up = asyncio.run(due(0)), asyncio.run(due(0.01))
    assert held_up == pytest.approx(free, abs=0.005)


def test_a_caller_without_patience_hangs_up(url: str) -> None:
    bodies = tuple(json.dumps({"text": text}) for text in ("slow", "fine", "too much"))
    stream = Stream(name="posts", url=url, bodies=bodies, requests=3, patience_s=SLOW_S / 3)
    (answers,) = send(stream).values()
    assert (answers.sent, answers.failures()) == (3, {"TimeoutError": 1, "503": 1})


def test_a_connection_that_fails_is_an_answer_too() -> None:
    (answers,) = send(Stream(name="gets", url="http://127.0.0.1:9", requests=2)).values()
    assert [item.status for item in answers.items] == [0, 0]


def test_a_plan_without_an_end_is_refused() -> None:
    with pytest.raises(ValidationError, match="must end"):
        Plan(streams=(Stream(name="gets", url="http://127.0.0.1:9"),))


def test_percentiles_are_of_one_status_alone() -> None:
    items = [Answer(status=200, milliseconds=value) for value in range(101)]
    answers = Answers(items=(*items, Answer(status=503, milliseconds=1e6)), seconds=1)
    assert (answers.percentile(50), answers.percentile(99)) == (50, 99)
    assert answers.percentile(99, 503) != answers.percentile(99, 503)  # NaN: one is not enough
