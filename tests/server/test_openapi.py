"""The OpenAPI document is valid and complete, and a real server does what it says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from registry import Artifact
from runtime_server.app import create_app
from runtime_server.errors import ServerError
from tests.server.conftest import MakeClient, make_settings, publish_to
from tests.server.wire import serving

PROBLEM = "application/problem+json"
ADMIN_KEY = "the key that the fuzzing operator has"
# Seen by nobody (the caller has hung up), or only at addresses that the document does not list.
NOT_LISTED = {"caller_gone", "not_found", "demo_not_built"}
FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory, graph: bytes) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("document")
    publish_to(folder / "registry", graph)
    return create_app(make_settings(folder / "registry", folder)).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def check_against(document: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    found: Any = value
    while "$ref" in found:
        found = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            found = found[key]
    return dict(found)


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_every_operation_and_parameter_says_what_it_is(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert len(operation["summary"].split()) >= 3, name
        for parameter in operation["parameters"]:
            assert resolved(document, parameter)["description"], name


def test_every_answer_has_an_example_that_is_what_its_schema_says(
    document: dict[str, Any],
) -> None:
    for name, operation in operations(document):
        for media_type, entry in operation["responses"]["200"]["content"].items():
            if media_type == "application/octet-stream" or name.endswith("/download"):
                continue
            assert "example" in entry, (name, media_type)
            check_against(document, entry.get("schema", {}), entry["example"])


def test_every_error_is_the_one_problem_schema_with_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            entry = response["content"][PROBLEM]
            assert entry["schema"] == {"$ref": "#/components/schemas/Problem"}, name
            for code, example in entry["examples"].items():
                check_against(document, entry["schema"], example["value"])
                assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))


def test_every_operation_says_what_any_request_may_be_answered(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        of_all = {"400", "405", "408", "431", "500", "503"}
        assert of_all <= set(operation["responses"]), name
        assert ("413" in operation["responses"]) == name.startswith("POST"), name
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (name, status)
            for header in response["headers"].values():
                assert resolved(document, header)["description"]


def test_every_error_that_a_caller_can_see_is_in_the_document(document: dict[str, Any]) -> None:
    def below(error: type[ServerError]) -> Iterator[type[ServerError]]:
        yield error
        for one in error.__subclasses__():
            yield from below(one)

    codes = {error.code for error in below(ServerError)}
    listed = {
        code
        for _, operation in operations(document)
        for response in operation["responses"].values()
        for code in response.get("content", {}).get(PROBLEM, {}).get("examples", {})
    }
    assert codes - listed == NOT_LISTED


def test_predict_lists_its_statuses_and_headers(document: dict[str, Any]) -> None:
    predict = document["paths"]["/predict"]["post"]
    statuses = "200 400 404 405 408 413 415 422 429 431 500 503 504"
    assert " ".join(predict["responses"]) == statuses
    assert "Server-Timing" in predict["responses"]["200"]["headers"]
    assert "Retry-After" in predict["responses"]["503"]["headers"]
    assert "Allow" in predict["responses"]["405"]["headers"]
    names = {resolved(document, parameter)["name"] for parameter in predict["parameters"]}
    assert names == {"X-Request-Id", "X-Request-Timeout-Ms"}
    download = document["paths"]["/models/{model}/download"]["get"]["responses"]
    assert {"ETag", "Cache-Control", "Repr-Digest"} <= set(download["200"]["headers"])


def test_the_limits_of_the_settings_are_in_the_document(
    make_client: MakeClient, artifact: Artifact
) -> None:
    client = make_client(min_text_length=3, max_text_length=40, max_batch_items=7)
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    text = schemas["PredictRequest"]["properties"]["text"]
    assert (text["minLength"], text["maxLength"]) == (3, 40)
    assert schemas["BatchPredictRequest"]["properties"]["texts"]["maxItems"] == 7


def test_a_streamed_line_is_what_the_document_says(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    answer = client.post(
        "/batch-predict", json={"texts": ["a", ""]}, headers={"accept": "application/x-ndjson"}
    )
    content = document["paths"]["/batch-predict"]["post"]["responses"]["200"]["content"]
    for line in answer.text.splitlines():
        check_against(document, content["application/x-ndjson"]["schema"], json.loads(line))


def test_schemathesis_finds_nothing_that_the_document_does_not_foresee(
    tmp_path: Path, graph: bytes, document: dict[str, Any]
) -> None:
    with serving(tmp_path, graph, ADMIN_KEY=ADMIN_KEY) as server:
        url = f"http://{server.host}:{server.port}"
        while httpx.get(f"{url}/readyz").status_code != 200:
            pass
        config = f"--config-file={FOLDER / 'schemathesis.toml'}"
        command = (sys.executable, "-m", "schemathesis.cli", config, "run")
        options = ("--max-examples=6", "--generation-deterministic", "--warnings=off")
        run = subprocess.run(
            (*command, f"{url}/openapi.json", *options, f"-HAuthorization: Bearer {ADMIN_KEY}"),
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(FOLDER / "measured_rates.py")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 0, run.stdout
    n_operations = len(list(operations(document)))
    assert f"{n_operations} selected / {n_operations} total" in run.stdout
