"""What GET /backends says of latency and cost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import Artifact, Backend
from runtime_server.errors import StartError
from runtime_server.expected_latency import Expectations, LatencyRecord, RecordedLatency
from runtime_server.observed_latency import LEAST, ObservedLatency

MakeClient = Callable[..., httpx.Client]
RECORD = LatencyRecord(
    environment={"cpu": "some"},
    measured=(
        RecordedLatency(
            model="hash-tiny@1.0.0", backend=Backend.LOCAL, p50_ms=36.0, p95_ms=50.0, n=40
        ),
    ),
)


def on(client: httpx.Client, backend: str) -> dict[str, Any]:
    backends = client.get("/backends").json()["backends"]
    (model,) = next(b["models"] for b in backends if b["backend"] == backend)
    return dict(model)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "latency.json"
    path.write_text(RECORD.model_dump_json())
    return path


def test_before_a_server_has_observed_anything_it_tells_what_was_recorded(
    make_client: MakeClient, artifact: Artifact, record: Path
) -> None:
    model = on(make_client(latency_record=record, vps_usd_per_hour=0.1), "local")
    assert model["expected_latency"] == {
        "p50_ms": 36.0,
        "p95_ms": 50.0,
        "n": 40,
        "source": "recorded",
    }
    assert model["usd_per_1000_requests"] == pytest.approx(0.001)


def test_what_it_observes_takes_the_place_of_the_record(
    make_client: MakeClient, artifact: Artifact, record: Path
) -> None:
    client = make_client(latency_record=record, vps_usd_per_hour=0.1)
    for number in range(LEAST + 1):
        client.post("/predict", json={"text": f"text {number}"})
        client.post("/batch-predict", json={"texts": ["a", "b"]})
    latency = on(client, "local")["expected_latency"]
    assert latency["source"] == "observed"
    assert LEAST <= latency["n"] <= LEAST + 2  # and the text that warmed the model
    assert 0 < latency["p50_ms"] <= latency["p95_ms"]


def test_nothing_is_made_up(make_client: MakeClient, artifact: Artifact, tmp_path: Path) -> None:
    client = make_client(latency_record=tmp_path / "none.json")
    local, modal = on(client, "local"), on(client, "modal")
    assert [local["expected_latency"], local["usd_per_1000_requests"]] == [None, None]
    assert [modal["expected_latency"], modal["usd_per_1000_requests"]] == [None, None]
    assert on(client, "client_side")["usd_per_1000_requests"] == 0


def test_without_a_price_there_is_a_latency_and_no_cost(artifact: Artifact) -> None:
    known = Expectations(ObservedLatency(), RECORD)
    assert known.latency(Backend.LOCAL, artifact.manifest) is not None
    assert known.usd_per_1000_requests(Backend.LOCAL, artifact.manifest) is None


@pytest.mark.parametrize("content", ["", "{", '{"environment": {}, "measured": [{}]}'])
def test_a_record_that_cannot_be_read_stops_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "latency.json"
    path.write_text(content)
    with pytest.raises(StartError, match=r"LATENCY_RECORD .*latency\.json cannot be read"):
        LatencyRecord.read(path)
