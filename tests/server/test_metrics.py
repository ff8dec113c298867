"""What Prometheus would read after real requests."""

import re
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry import Artifact, Backend
from runtime_server.readiness import WARM_TEXTS
from tests.server.test_deadline import FullEngine, SlowEngine
from tests.server.test_pages import wait_until_ready

MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]


def samples(client: httpx.Client) -> dict[tuple[str, str], float]:
    """Value by name, and by the values of its labels, in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (
            sample.name.removeprefix("samegraph_"),
            ",".join(value for _, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def own(make_client: MakeClient, artifact: Artifact) -> httpx.Client:
    client = make_client()
    wait_until_ready(client)
    return client


def test_requests_are_counted_by_model_route_and_code(own: httpx.Client) -> None:
    for body in ({"text": "a"}, {"text": "b"}, {"text": ""}, {"texts": ["a"]}):
        own.post("/predict", json=body)
    own.post("/batch-predict", json={"texts": ["a", "b"]})
    own.get("/models/hash-tiny")
    found = samples(own)
    assert found["requests_total", "200,hash-tiny@1.0.0,/predict"] == 2
    assert found["requests_total", "422,hash-tiny@1.0.0,/predict"] == 1
    assert found["requests_total", "422,,/predict"] == 1
    assert found["requests_total", "200,hash-tiny@1.0.0,/batch-predict"] == 1
    assert found["requests_total", "200,,/models/{model}"] == 1
    assert found["request_seconds_count", "/predict"] == 4


def test_nothing_that_a_caller_makes_up_becomes_a_series(own: httpx.Client) -> None:
    def names() -> set[tuple[str, str]]:
        return {key for key in samples(own) if "bucket" not in key[0]}

    own.post("/predict", json={"text": "a", "model_id": "nothing"})
    own.get("/models/nothing")
    own.get("/nowhere/at/all")
    names()  # is a request too
    before = names()
    for number in range(20):
        own.post("/predict", json={"text": "a", "model_id": f"model-{number}"})
        own.get(f"/models/model-{number}")
        own.get(f"/nowhere/{number}")
    assert names() == before


def test_the_engine_says_what_it_loaded_ran_and_holds(own: httpx.Client) -> None:
    own.post("/batch-predict", json={"texts": ["one text", "another text", "a third"]})
    found = samples(own)
    name = "hash-tiny@1.0.0"
    assert found["model_loaded", name] == 1
    assert found["model_memory_bytes", name] == 1_000_000
    assert found["model_load_seconds_count", name] == 1
    # The first were to warm up.
    assert found["infer_seconds_count", name] >= 2
    assert found["batch_rows_sum", name] == len(WARM_TEXTS) + 3
    assert found["batch_tokens_count", name] == found["batch_rows_count", name]
    assert found["batch_tokens_sum", name] > 4
    assert found["tokenize_seconds_count", name] == found["queue_seconds_count", name] == 2
    assert found["queue_tokens", name] == 0
    assert found["fallback_total", "client_side,caller_cannot_run_it,local"] >= 1


def test_the_process_says_what_it_takes(own: httpx.Client) -> None:
    found = samples(own)
    assert found["process_resident_memory_bytes", ""] > 10_000_000
    assert found["process_open_fds", ""] > 3
    assert found["process_cpu_seconds_total", ""] > 0


def test_models_given_up_are_counted(
    make_client: MakeClient, publish: Publish, graph: bytes
) -> None:
    for name, normalizer in (("hash-tiny", "norm-1"), ("other", "identity")):
        publish(graph, model_id=name, memory_bytes=600_000_000, normalizer=normalizer)
    client = make_client(vps_cpu_memory_gb=1)
    wait_until_ready(client)
    client.post("/predict", json={"text": "a", "model_id": "other"})
    found = samples(client)
    assert found["model_evictions_total", "hash-tiny@1.0.0"] == 1
    assert (found["model_loaded", "hash-tiny@1.0.0"], found["model_loaded", "other@1.0.0"]) == (
        0,
        1,
    )


def test_what_is_not_taken_or_given_up_is_counted_by_reason(
    make_client: MakeClient, artifact: Artifact
) -> None:
    full = make_client({Backend.LOCAL: FullEngine(0)})
    full.post("/predict", json={"text": "a"})
    assert samples(full)["rejected_total", "overloaded"] >= 1
    slow = make_client({Backend.LOCAL: SlowEngine(20)}, request_timeout_ms=50)
    slow.post("/predict", json={"text": "slow"})
    assert samples(slow)["rejected_total", "deadline_exceeded"] == 1


def test_a_request_id_comes_back_and_a_new_one_is_made(client: httpx.Client) -> None:
    given = client.get("/livez", headers={"X-Request-Id": "order-66.a:b_c"})
    assert given.headers["X-Request-Id"] == "order-66.a:b_c"
    for refused in ("", "with space", "x" * 200, "<script>"):
        made = client.get("/nowhere", headers={"X-Request-Id": refused}).headers["X-Request-Id"]
        assert re.fullmatch("[0-9a-f]{32}", made)


def test_the_timings_are_a_header_too(client: httpx.Client) -> None:
    answer = client.post("/predict", json={"text": "a"})
    timing = answer.headers["Server-Timing"]
    names = re.findall(r"(\w+);dur=[0-9.]+", timing)
    assert names == ["load", "normalize", "queue", "run", "total"]
    total = answer.json()["latency_ms"]
    assert f"total;dur={total:.3f}" in timing
