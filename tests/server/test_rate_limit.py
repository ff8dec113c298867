"""How many texts a caller may have judged."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from runtime_server.access.api_key import KeyScope, new_key
from runtime_server.access.key_store import KeyFile
from runtime_server.errors import SettingsError
from runtime_server.settings import load_settings
from tests.redis_server import free_port, running_redis
from tests.waiting import wait_for

MakeClient = Callable[..., httpx.Client]


def judged(client: httpx.Client, texts: int = 1, **headers: str) -> httpx.Response:
    body = {"texts": [f"text {number}" for number in range(texts)]}
    return client.post("/batch-predict", json=body, headers=headers)


def left(answer: httpx.Response) -> int:
    found = re.fullmatch(r'"texts";r=(\d+);t=\d+', answer.headers["ratelimit"])
    assert found is not None, answer.headers["ratelimit"]
    return int(found[1])


def test_texts_are_counted_not_requests(artifact: Artifact, make_client: MakeClient) -> None:
    client = make_client(rate_limit="10/hour")
    first = judged(client, 7)
    assert (first.status_code, left(first)) == (200, 3)
    assert first.headers["ratelimit-policy"] == '"texts";q=10;w=3600'
    assert left(client.post("/predict", json={"text": "one"})) == 2
    refused = judged(client, 3)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "rate_limited")
    assert (problem["limit"], problem["window_s"]) == (10, 3600)
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert left(refused) == 2
    infer = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}]}
    assert client.post("/v2/models/hash-tiny/infer", json=infer).status_code == 200
    assert client.post("/predict", json={"text": "one"}).status_code == 429
    assert client.get("/health").status_code == 200


def test_a_streamed_batch_is_counted_before_its_first_line(
    artifact: Artifact, make_client: MakeClient
) -> None:
    client = make_client(rate_limit="5/hour")
    lines = judged(client, 5, Accept="application/x-ndjson")
    assert (lines.status_code, len(lines.text.splitlines())) == (200, 5)
    assert judged(client, 1, Accept="application/x-ndjson").status_code == 429


def test_what_could_never_pass_is_not_told_to_come_again(
    artifact: Artifact, make_client: MakeClient
) -> None:
    refused = judged(make_client(rate_limit="5/hour"), 6)
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["limit"]) == (422, "too_many_texts", 5)
    assert "retry-after" not in refused.headers


def test_a_bad_request_costs_nothing(artifact: Artifact, make_client: MakeClient) -> None:
    client = make_client(rate_limit="2/hour")
    assert client.post("/predict", json={"text": 7}).status_code == 422
    assert left(client.post("/predict", json={"text": "one"})) == 1


def test_callers_are_told_apart_by_key_and_else_by_address(
    artifact: Artifact, make_client: MakeClient, tmp_path: Path
) -> None:
    path, secrets = tmp_path / "keys.json", {}
    for name, limit in (("small", None), ("large", "100/hour")):
        secrets[name], kept = new_key(name, [KeyScope.PREDICT], rate_limit=limit)
        asyncio.run(KeyFile(path).add(kept))
    client = make_client(rate_limit="4/hour", api_keys=str(path))
    for name, most in (("small", 4), ("large", 100)):
        assert left(judged(client, 4, **{"X-API-Key": secrets[name]})) == most - 4
    assert judged(client, 1, **{"X-API-Key": secrets["small"]}).status_code == 429
    assert judged(client, 4, **{"X-API-Key": secrets["large"]}).status_code == 200


def test_two_servers_count_together_in_redis_and_go_on_alone_without_it(
    artifact: Artifact, make_client: MakeClient, tmp_path: Path
) -> None:
    port = free_port()
    with running_redis(tmp_path, port) as url:
        one, other = (make_client(rate_limit="150/hour", redis_url=url) for _ in range(2))
        assert [left(judged(one, 100)), left(judged(other, 40))] == [50, 10]
        assert judged(one, 20).status_code == 429
    # Redis is gone: nobody is refused for it, each counts for itself, and that is counted.
    gone = judged(one, 100)
    assert (gone.status_code, left(gone)) == (200, 50)
    assert judged(one, 60).status_code == 429
    metrics = one.get("/metrics").text
    assert re.search(r"^samegraph_rate_limit_store_lost_total [1-9]", metrics, re.MULTILINE)
    with running_redis(tmp_path, port):
        wait_for(lambda: left(judged(other)) - left(judged(one)) == 1)


@pytest.mark.parametrize("rate", ["600", "0/minute", "5 per minute", "5/week", "-1/second"])
def test_a_rate_that_nobody_can_read_is_refused(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    monkeypatch.setenv("RATE_LIMIT", rate)
    with pytest.raises(SettingsError, match="RATE_LIMIT"):
        load_settings()
