import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from registry import Artifact

JSON = {"content-type": "application/json"}


def problem_of(answer: httpx.Response) -> dict[str, object]:
    problem: dict[str, object] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert {"type", "title", "status", "detail", "code", "instance"} <= set(problem)
    assert problem["status"] == answer.status_code
    return problem


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": None}, "text"),
        ({"text": 5}, "text"),
        ({"text": ["a"]}, "text"),
        ({"text": "a", "txet": 1}, "txet"),
        ({"text": "a", "prefer_backend": "moon"}, "prefer_backend"),
        ({"text": "a", "prefer_backend": 1}, "prefer_backend"),
        ({"text": "a", "client_capabilities": ["fly"]}, "client_capabilities.0"),
        ({"text": "a", "threshold": 1.5}, "threshold"),
        ({"text": "a", "threshold": "0.5"}, "threshold"),
        ({"text": "a", "model_id": 5}, "model_id"),
        ({"text": "a", "model_id": "\ud800"}, "model_id"),
    ],
    ids=ascii,
)
def test_an_invalid_field_is_located(
    client: httpx.Client, body: dict[str, object], field: str
) -> None:
    answer = client.post("/predict", content=json.dumps(body).encode(), headers=JSON)
    problem = problem_of(answer)
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert [(e["in"], e["field"]) for e in problem["errors"]] == [("body", field)]  # type: ignore[attr-defined]


def test_a_validation_problem_does_not_repeat_the_text(client: httpx.Client) -> None:
    answer = client.post("/predict", json={"text": ["my secret text"], "x": "another secret"})
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "name", ["\ud800", "n" * 5000, "\0", "\U0001f600"], ids=lambda n: ascii(n)[:9]
)
def test_a_strange_field_name_is_answered_in_valid_utf8(client: httpx.Client, name: str) -> None:
    body = json.dumps({"text": "a", name: 1}).encode()
    answer = client.post("/predict", content=body, headers=JSON)
    answer.content.decode("utf-8", "strict")
    assert problem_of(answer)["status"] == 422
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"text": "a"', b"\xff\xfe\xfd", b"[" * 100_000, b'{"text": NaN}x'],
    ids=lambda b: ascii(b)[:12],
)
def test_what_is_no_json_is_refused_clearly(client: httpx.Client, body: bytes) -> None:
    problem = problem_of(client.post("/predict", content=body, headers=JSON))
    assert problem["code"] in {"malformed_body", "invalid_request"}
    assert problem["status"] in {400, 422}


def test_a_body_that_is_not_declared_as_json_is_a_415(client: httpx.Client) -> None:
    problem = problem_of(client.post("/predict", content=b'{"text": "a"}'))
    assert (problem["status"], problem["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("text", "code", "limit"),
    [("", "text_too_short", 1), ("x" * 21, "text_too_long", 20)],
    ids=["short", "long"],
)
def test_a_text_outside_the_limits_is_told_the_limit(
    make_client: Callable[..., httpx.Client],
    artifact: Artifact,
    text: str,
    code: str,
    limit: int,
) -> None:
    client = make_client(max_text_length=20)
    problem = problem_of(client.post("/predict", json={"text": text}))
    assert (problem["status"], problem["code"], problem["limit"]) == (422, code, limit)
    assert problem["length"] == len(text)


def test_length_is_counted_in_characters(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    client = make_client(max_text_length=20)
    assert client.post("/predict", json={"text": "\U0001f600" * 20}).status_code == 200


@pytest.mark.parametrize("model", ["nothing", "hash-tiny@9", "../x", ""])
def test_an_unknown_model_is_told_the_known_ones(client: httpx.Client, model: str) -> None:
    problem = problem_of(client.post("/predict", json={"text": "a", "model_id": model}))
    assert (problem["status"], problem["code"]) == (404, "model_not_found")
    assert problem["known_models"] == ["hash-tiny"]


def test_an_unknown_route_is_a_problem(client: httpx.Client) -> None:
    problem = problem_of(client.get("/nowhere"))
    assert (problem["status"], problem["code"]) == (404, "not_found")
    assert problem["instance"] == "/nowhere"


def test_a_wrong_method_is_a_problem_that_names_the_right_one(client: httpx.Client) -> None:
    answer = client.get("/predict")
    assert problem_of(answer)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "POST"


def chunks(n_bytes: int) -> Iterator[bytes]:
    yield b'{"text": "'
    for _ in range(n_bytes // 1000):
        yield b"x" * 1000
    yield b'"}'


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_a_413_with_or_without_its_length(
    make_client: Callable[..., httpx.Client], artifact: Artifact, declared: bool
) -> None:
    client = make_client(max_body_bytes=5000)
    content = b"".join(chunks(9000)) if declared else chunks(9000)
    problem = problem_of(client.post("/predict", content=content, headers=JSON))
    assert (problem["code"], problem["limit"]) == ("body_too_large", 5000)
    assert client.post("/predict", content=chunks(3000), headers=JSON).status_code == 200


def test_openapi_documents_the_problems_and_has_examples(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    predict = schema["paths"]["/predict"]["post"]
    responses = predict["responses"]
    assert {"400", "404", "413", "415", "422", "503"} <= set(responses)
    assert "text_too_long" in responses["422"]["content"]["application/problem+json"]["examples"]
    assert schema["components"]["schemas"]["PredictRequest"]["examples"]
