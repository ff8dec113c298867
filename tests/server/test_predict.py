import json
from collections.abc import Callable, Sequence

import httpx
import numpy as np
import pytest

from registry import Artifact, Backend, norm1
from runtime_server.engine import Availability, Scores
from runtime_server.errors import EngineError
from runtime_server.graph_session import GraphSession, SessionPlan

RESULT_FIELDS = {
    "prediction",
    "probability",
    "confidence",
    "is_fake",
    "backend",
    "model_id",
    "latency_ms",
    "metadata",
}
HOSTILE = (
    "\0",
    "a\0b",
    "\ud800",
    "x\udfff",
    "\u03a3\u03a3",
    "e\u0301",
    "\U0002f800",
    "\u200f",
    " ",
)


def expected(artifact: Artifact, text: str) -> float:
    session = GraphSession.load(artifact, SessionPlan(threads=1, allow_cuda=False))
    return session.run({"text": np.array([norm1(text)], dtype=np.object_)})[0]


class FailingEngine:
    """Says it can, and fails."""

    def available(self, artifact: Artifact) -> Availability:
        return Availability()

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        raise EngineError("out_of_luck", "nothing works")

    async def close(self) -> None:
        pass


class BrokenEngine(FailingEngine):
    """Fails in a way that nobody foresaw."""

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        raise RuntimeError("secret of the house")


def test_a_text_gets_the_probability_that_the_graph_gives_its_normal_form(
    client: httpx.Client, artifact: Artifact
) -> None:
    text = "Hello   WORLD"
    answer = client.post("/predict", json={"text": text})
    result = answer.json()
    assert answer.status_code == 200
    assert result["probability"] == expected(artifact, text)
    assert set(result) == RESULT_FIELDS
    assert result["confidence"] == abs(2 * result["probability"] - 1)
    assert result["prediction"] == int(result["probability"] >= 0.5)
    assert result["is_fake"] is (result["prediction"] == 1)
    assert result["backend"] == "local"
    assert result["model_id"] == "hash-tiny"
    assert result["latency_ms"] > 0


def test_the_metadata_names_the_artifact_and_how_the_text_was_read(
    client: httpx.Client, artifact: Artifact
) -> None:
    metadata = client.post("/predict", json={"text": "x"}).json()["metadata"]
    timings = metadata.pop("timings_ms")
    assert metadata == {
        "artifact_digest": artifact.manifest.digest,
        "model_sha256": artifact.manifest.model.sha256,
        "model_version": "1.0.0",
        "variant": None,
        "provider": "CPUExecutionProvider",
        "quantization": "fp32",
        "tokens": None,
        "windows": 1,
        "truncated": False,
        "threshold": 0.5,
        "fallbacks": [{"backend": "client_side", "reason": "caller_cannot_run_it"}],
        "warnings": [],
        "segments": None,
        "cached": False,
        "cost_usd": None,
        "delegation": None,
    }
    assert set(timings) == {"load", "normalize", "queue", "run"}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_is_answered_with_the_probability_of_its_normal_form(
    client: httpx.Client, artifact: Artifact, text: str
) -> None:
    body = json.dumps({"text": text}).encode()
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["probability"] == expected(artifact, text)


def test_the_threshold_of_a_request_decides_instead_of_the_models(client: httpx.Client) -> None:
    body = {"text": "some text"}
    probability = client.post("/predict", json=body).json()["probability"]
    at = client.post("/predict", json={**body, "threshold": probability}).json()
    above = client.post("/predict", json={**body, "threshold": probability + 1e-9}).json()
    assert (at["prediction"], above["prediction"]) == (1, 0)
    assert at["metadata"]["threshold"] == probability


def test_a_request_may_name_id_or_version_or_nothing(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    for version in ("1.9.0", "1.10.0"):
        publish(graph, version=version)
    client = make_client()
    versions = {
        reference: client.post("/predict", json={"text": "x", "model_id": reference}).json()[
            "metadata"
        ]["model_version"]
        for reference in (None, "hash-tiny", "hash-tiny@latest", "hash-tiny@1.9.0")
    }
    assert versions == {
        None: "1.10.0",
        "hash-tiny": "1.10.0",
        "hash-tiny@latest": "1.10.0",
        "hash-tiny@1.9.0": "1.9.0",
    }


def test_a_batch_keeps_the_order_and_equals_single_predictions(
    client: httpx.Client, artifact: Artifact
) -> None:
    texts = [f"text {'x' * (37 * i % 101)} {i}" for i in range(50)]
    results = client.post("/batch-predict", json={"texts": texts}).json()["results"]
    assert [r["probability"] for r in results] == [expected(artifact, text) for text in texts]


def test_a_bad_text_in_a_batch_fails_alone(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client(min_text_length=2, max_text_length=10)
    texts = ["fine", "", "much too long a text", None, 7, ["fine"], "also fine"]
    answer = client.post("/batch-predict", json={"texts": texts})
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [item.get("error", {}).get("code") for item in results] == [
        None,
        "text_too_short",
        "text_too_long",
        "invalid_request",
        "invalid_request",
        "invalid_request",
        None,
    ]
    assert results[0]["probability"] == expected(artifact, "fine")
    assert results[6]["probability"] == expected(artifact, "also fine")
    assert results[2]["error"]["limit"] == 10


def test_a_batch_of_only_bad_texts_is_answered_item_by_item(client: httpx.Client) -> None:
    results = client.post("/batch-predict", json={"texts": ["", ""]}).json()["results"]
    assert [item["error"]["status"] for item in results] == [422, 422]


def test_a_batch_with_too_many_texts_is_refused_with_the_limit(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    answer = make_client(max_batch_items=2).post("/batch-predict", json={"texts": ["a"] * 3})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["limit"]) == (422, "too_many_texts", 2)


@pytest.mark.parametrize(
    "wish", [{"prefer_backend": "client_side"}, {"client_capabilities": ["client_side"]}]
)
def test_a_capable_caller_of_a_tiny_model_gets_a_delegation(
    client: httpx.Client, artifact: Artifact, wish: dict[str, object]
) -> None:
    result = client.post("/predict", json={"text": "x", **wish}).json()
    decided = ("prediction", "probability", "confidence", "is_fake")
    delegation = result["metadata"]["delegation"]
    assert [result[name] for name in decided] == [None] * 4
    assert result["backend"] == "client_side"
    assert delegation["digest"] == artifact.manifest.digest
    assert delegation["manifest"] == artifact.manifest.model_dump(mode="json")
    assert client.get(delegation["manifest_url"]).json() == delegation["manifest"]
    (file,) = delegation["files"]
    download = client.get(file["url"])
    assert (len(download.content), file["sha256"]) == (
        file["bytes"],
        artifact.manifest.model.sha256,
    )
    assert "immutable" in download.headers["cache-control"]


def test_a_batch_of_a_capable_caller_is_delegated_item_by_item(client: httpx.Client) -> None:
    body = {"texts": ["a", "", "b"], "prefer_backend": "client_side"}
    results = client.post("/batch-predict", json=body).json()["results"]
    assert [item.get("backend", "error") for item in results] == [
        "client_side",
        "error",
        "client_side",
    ]


def test_delegation_may_be_forbidden(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client(allow_client_side_inference=False)
    result = client.post("/predict", json={"text": "x", "prefer_backend": "client_side"}).json()
    assert result["backend"] == "local"
    assert result["metadata"]["fallbacks"] == [
        {"backend": "client_side", "reason": "forbidden_by_settings"}
    ]


def test_a_failing_backend_is_followed_by_the_next(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client({Backend.LOCAL: FailingEngine()})
    body = {"text": "x", "prefer_backend": "local", "client_capabilities": ["client_side"]}
    result = client.post("/predict", json=body).json()
    assert result["backend"] == "client_side"
    assert result["metadata"]["fallbacks"] == [{"backend": "local", "reason": "out_of_luck"}]


def test_when_every_backend_failed_the_attempts_are_listed_in_order(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client({Backend.LOCAL: FailingEngine()})
    answer = client.post("/predict", json={"text": "x", "prefer_backend": "modal"})
    problem = answer.json()
    assert answer.status_code == 503
    assert problem["code"] == "all_backends_failed"
    assert problem["message"] == "All inference backends failed"
    assert [(a["backend"], a["reason"]) for a in problem["attempts"]] == [
        ("modal", "not_configured"),
        ("client_side", "caller_cannot_run_it"),
        ("local", "out_of_luck"),
    ]
    assert problem["suggestion"]


def test_an_unforeseen_failure_is_a_500_that_tells_nothing(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    publish(graph)
    client = make_client({Backend.LOCAL: BrokenEngine()})
    answer = client.post("/predict", json={"text": "my text"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "my text" not in answer.text


def test_a_model_that_cannot_run_here_says_why(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    publish(graph, memory_bytes=3_000_000_000)
    client = make_client(vps_cpu_memory_gb=2)
    problem = client.post("/predict", json={"text": "x"}).json()
    assert problem["code"] == "all_backends_failed"
    assert problem["attempts"][-1]["reason"] == "exceeds_memory_budget"
