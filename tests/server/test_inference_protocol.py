"""The Open Inference Protocol as tritonclient speaks it: server, models, what is documented."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import tritonclient.http as triton

from registry import Artifact, Backend
from runtime_server.tensor_body import HEADER
from tests.server.protocol_client import (
    INFER,
    OUTPUTS,
    document,
    problem_of,
    refusal,
    speaking,
    tensor,
)
from tests.server.test_metrics import samples
from tests.server.test_pages import wait_until_ready
from tests.server.test_predict import FailingEngine

MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]


@pytest.fixture
def speaker(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    with speaking(client) as speaker:
        yield speaker


def test_the_server_says_who_it_is_and_how_it_is(
    client: httpx.Client, speaker: triton.InferenceServerClient
) -> None:
    wait_until_ready(client)
    metadata = speaker.get_server_metadata()
    assert metadata["name"] == "samegraph"
    assert metadata["version"] == client.get("/openapi.json").json()["info"]["version"]
    assert metadata["extensions"] == ["binary_tensor_data"]
    assert speaker.is_server_live()
    assert speaker.is_server_ready()
    for path in ("", "/health/live", "/health/ready", "/models/hash-tiny"):
        assert client.head(f"/v2{path}").status_code == 200


def test_a_server_whose_default_model_fails_is_live_and_not_ready(
    make_client: MakeClient, artifact: Artifact
) -> None:
    client = make_client({Backend.LOCAL: FailingEngine()})
    with speaking(client) as speaker:
        assert speaker.is_server_live()
        assert not speaker.is_server_ready()
    assert problem_of(client.get("/v2/health/ready"))["code"] == "not_ready"


def test_the_metadata_of_a_model_names_its_tensors_and_versions(
    make_client: MakeClient, publish: Publish, graph: bytes
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(graph, version=version)
    with speaking(make_client()) as speaker:
        found = speaker.get_model_metadata("hash-tiny")
        assert found == {
            "name": "hash-tiny",
            "versions": ["1.0.0", "1.1.0"],
            "platform": "onnxruntime_onnx",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": name, "datatype": datatype, "shape": [-1]}
                for name, datatype in OUTPUTS.items()
            ],
        }
        assert speaker.get_model_metadata("hash-tiny", "1.0.0") == found
        assert speaker.is_model_ready("hash-tiny")
        assert speaker.is_model_ready("hash-tiny", "1.0.0")


def test_a_model_or_version_that_is_not_here_is_a_404_that_names_the_known_ones(
    speaker: triton.InferenceServerClient,
) -> None:
    for model, version in (("nothing", ""), ("hash-tiny", "9"), ("hash-tiny@1.0.0", "1.0.0")):
        calls = (
            lambda m=model, v=version: speaker.get_model_metadata(m, v),
            lambda m=model, v=version: speaker.infer(m, tensor(["a"]), v),
        )
        for call in calls:
            assert refusal(call) == ("404", "no such model here; there are: hash-tiny")
        assert not speaker.is_model_ready(model, version)
    assert refusal(lambda: speaker.get_model_config("nothing"))[0] == "404"


def test_a_model_that_no_backend_can_run_is_not_ready_and_the_index_says_why(
    make_client: MakeClient, publish: Publish, graph: bytes
) -> None:
    publish(graph)
    publish(graph, model_id="large", memory_bytes=2_000_000_000)
    client = make_client(vps_cpu_memory_gb=1)
    with speaking(client) as speaker:
        assert speaker.is_model_ready("hash-tiny")
        assert not speaker.is_model_ready("large")
        listed = {entry["name"]: entry for entry in speaker.get_model_repository_index()}
    assert listed["hash-tiny"] == {
        "name": "hash-tiny",
        "version": "1.0.0",
        "state": "READY",
        "reason": "",
    }
    assert listed["large"]["state"] == "UNAVAILABLE"
    assert "local: exceeds_memory_budget" in listed["large"]["reason"]
    ready = client.post("/v2/repository/index", json={"ready": True}).json()
    assert [entry["name"] for entry in ready] == ["hash-tiny"]
    assert "exceeds_memory_budget" in problem_of(client.get("/v2/models/large/ready"))["detail"]


def test_requests_are_counted_by_route_and_model(
    make_client: MakeClient, artifact: Artifact
) -> None:
    client = make_client()
    wait_until_ready(client)
    client.post(INFER, json=document())
    client.post(INFER, json=document([""]))
    client.post(INFER, content=b"{")
    client.post("/v2/models/hash-tiny/versions/1.0.0/infer", json=document())
    client.get("/v2/models/hash-tiny")
    found = samples(client)
    model, route = "hash-tiny@1.0.0", "/v2/models/{model}/infer"
    assert found["requests_total", f"200,{model},{route}"] == 1
    assert found["requests_total", f"422,{model},{route}"] == 1
    assert found["requests_total", f"400,,{route}"] == 1
    versioned = "/v2/models/{model}/versions/{version}/infer"
    assert found["requests_total", f"200,{model},{versioned}"] == 1
    assert found["requests_total", "200,,/v2/models/{model}"] == 1


def test_errors_elsewhere_have_no_second_message(client: httpx.Client) -> None:
    assert "error" not in client.post("/predict", json={}).json()
    for path in ("/v2/nowhere", "/v2/models"):
        assert problem_of(client.get(path))["code"] == "not_found"
    assert problem_of(client.get(INFER))["code"] == "method_not_allowed"


def test_openapi_has_both_forms_of_the_body_and_every_error(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    for path in (INFER, "/v2/models/hash-tiny/versions/1/infer"):
        template = path.replace("hash-tiny", "{model}").replace("/1/", "/{version}/")
        operation = schema["paths"][template]["post"]
        forms = operation["requestBody"]["content"]
        assert forms["application/json"]["schema"]["$ref"].endswith("/InferRequest")
        assert set(forms) == set(operation["responses"]["200"]["content"])
        assert HEADER in [parameter.get("name") for parameter in operation["parameters"]]
        codes = {
            code
            for response in operation["responses"].values()
            for code in response["content"].get("application/problem+json", {}).get("examples", ())
        }
        assert {"malformed_tensor", "unsupported_content_coding", "text_too_long"} <= codes
        assert {"overloaded", "deadline_exceeded", "too_many_texts"} <= codes
    example = schema["components"]["schemas"]["InferRequest"]["examples"][0]
    assert client.post(INFER, json=example).status_code == 200
