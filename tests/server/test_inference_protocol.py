"""The Open Inference Protocol as tritonclient speaks it, against a live server."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import gevent
import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.utils import InferenceServerException

from registry import Artifact, Backend
from runtime_server.deadline import HEADER as TIMEOUT
from runtime_server.engine import Score, Scores
from runtime_server.tensor_body import HEADER, encode_texts
from tests.server.conftest import hash_graph
from tests.server.test_deadline import TIMINGS, FullEngine, SlowEngine
from tests.server.test_metrics import samples
from tests.server.test_pages import wait_until_ready
from tests.server.test_predict import BrokenEngine, FailingEngine

MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]
INFER = "/v2/models/hash-tiny/infer"
JSON = {"content-type": "application/json"}
TEXTS = ("a", "Grüße,  WORLD", "a\0b", "\U0001f600 ﬁ", " ", "x" * 3000)
OUTPUTS = {"probability": "FP32", "prediction": "INT64", "confidence": "FP32", "truncated": "BOOL"}


@contextmanager
def speaking(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    """A tritonclient of the server that `client` is a client of."""
    with triton.InferenceServerClient(address(client), concurrency=4) as speaker:
        yield speaker


def address(client: httpx.Client) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


@pytest.fixture
def speaker(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    with speaking(client) as speaker:
        yield speaker


def tensor(
    texts: Sequence[str | bytes], *, binary: bool = True, column: bool = False
) -> list[triton.InferInput]:
    array = np.array(texts, dtype=np.object_).reshape((-1, 1) if column else (-1,))
    given = triton.InferInput("text", list(array.shape), "BYTES")
    return [given.set_data_from_numpy(array, binary_data=binary)]


def document(texts: Sequence[object] = ("a",), **changes: object) -> dict[str, object]:
    """A request in JSON; `changes` are of its input."""
    given = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    return {"inputs": [{k: v for k, v in (given | changes).items() if v is not None}]}


def post_binary(
    client: httpx.Client, request: Mapping[str, object], tensors: bytes, **headers: str
) -> httpx.Response:
    content = json.dumps(request).encode()
    headers = {HEADER: str(len(content)), **headers}
    return client.post(INFER, content=content + tensors, headers=headers)


def problem_of(answer: httpx.Response) -> dict[str, object]:
    """The answer as both kinds of client read it."""
    problem: dict[str, object] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["error"] == problem["detail"]
    return problem


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Status and message that tritonclient raises."""
    with pytest.raises(InferenceServerException) as caught:
        call()
    return caught.value.status(), caught.value.message()


def by_predict(client: httpx.Client, texts: Sequence[str], **wishes: object) -> list[float]:
    """The same by /predict, as float32 bits."""
    answers = [client.post("/predict", json={"text": text, **wishes}).json() for text in texts]
    return [answer["probability"] for answer in answers]


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


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("column", [True, False], ids=["N1", "N"])
@pytest.mark.parametrize("wanted", [True, False, None], ids=["binary-out", "json-out", "all-out"])
def test_every_form_of_a_request_has_the_bits_of_predict(
    client: httpx.Client,
    speaker: triton.InferenceServerClient,
    binary: bool,
    column: bool,
    wanted: bool | None,
) -> None:
    names = [] if wanted is None else list(OUTPUTS)
    asked = [triton.InferRequestedOutput(name, binary_data=bool(wanted)) for name in names]
    inputs = tensor(TEXTS, binary=binary, column=column)
    found = speaker.infer("hash-tiny", inputs, outputs=asked or None)
    probability = found.as_numpy("probability")
    expected = np.array(by_predict(client, TEXTS))
    assert probability.dtype == np.float32
    assert probability.astype(np.float64).tolist() == expected.tolist()
    assert found.as_numpy("prediction").tolist() == (expected >= 0.5).astype(int).tolist()
    confidence = np.abs(2 * expected - 1).astype(np.float32)
    assert found.as_numpy("confidence").tolist() == confidence.tolist()
    assert found.as_numpy("truncated").tolist() == [False] * len(TEXTS)
    response = found.get_response()
    assert (response["model_name"], response["model_version"]) == ("hash-tiny", "1.0.0")
    assert {out["name"]: out["datatype"] for out in response["outputs"]} == OUTPUTS


def test_nested_data_and_lone_surrogates_are_taken_as_predict_takes_them(
    client: httpx.Client,
) -> None:
    texts = ["\ud800", "x\udfff"]
    request = {**document([[text] for text in texts], shape=[2, 1]), "id": "\ud800"}
    answer = client.post(INFER, content=json.dumps(request)).json()
    batch = client.post("/batch-predict", content=json.dumps({"texts": texts}), headers=JSON)
    expected = [item["probability"] for item in batch.json()["results"]]
    assert answer["outputs"][0]["data"] == expected
    assert answer["id"] == "\ufffd"


def test_the_answer_has_the_outputs_that_were_asked_for_in_their_order_and_form(
    client: httpx.Client,
) -> None:
    asked = [
        {"name": "prediction", "parameters": {"binary_data": True}},
        {"name": "probability", "parameters": {"binary_data": False}},
        {"name": "truncated"},
    ]
    request = {**document(["a", "b"]), "outputs": asked, "id": "order 66"}
    answer = client.post(INFER, json=request)
    length = int(answer.headers[HEADER])
    assert answer.headers["content-type"] == "application/octet-stream"
    response = json.loads(answer.content[:length])
    prediction, probability, truncated = response["outputs"]
    predictions = np.frombuffer(answer.content[length:], "<i8")
    assert prediction == {
        "name": "prediction",
        "datatype": "INT64",
        "shape": [2],
        "parameters": {"binary_data_size": 16},
    }
    assert probability["data"] == by_predict(client, ["a", "b"])
    assert predictions.tolist() == [int(p >= 0.5) for p in probability["data"]]
    assert truncated["data"] == [False, False]
    assert response["id"] == "order 66"


def test_an_answer_without_binary_outputs_is_json_alone(
    client: httpx.Client, artifact: Artifact
) -> None:
    answer = client.post(INFER, json=document())
    assert answer.headers["content-type"] == "application/json"
    assert HEADER not in answer.headers
    assert answer.headers["Server-Timing"].startswith("load;dur=")
    response = answer.json()
    assert "id" not in response
    assert response["parameters"] == {
        "backend": "local",
        "artifact_digest": artifact.manifest.digest,
        "threshold": 0.5,
    }


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_requests_and_answers_may_be_compressed(
    client: httpx.Client, speaker: triton.InferenceServerClient, coding: str
) -> None:
    texts = [f"text {number}" for number in range(100)]
    found = speaker.infer(
        "hash-tiny",
        tensor(texts),
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    plain = speaker.infer("hash-tiny", tensor(texts))
    assert found.as_numpy("probability").tolist() == plain.as_numpy("probability").tolist()
    raw = client.post(INFER, json=document(texts), headers={"accept-encoding": coding})
    assert raw.headers["content-encoding"] == coding
    short = client.post(INFER, json=document(), headers={"accept-encoding": coding})
    assert "content-encoding" not in short.headers


def test_many_requests_at_once_and_the_client_for_asyncio(
    client: httpx.Client, speaker: triton.InferenceServerClient
) -> None:
    expected = by_predict(client, TEXTS)
    coming = [speaker.async_infer("hash-tiny", tensor([text])) for text in TEXTS]
    gevent.sleep(0)
    found = [one.get_result().as_numpy("probability")[0] for one in coming]
    assert [float(p) for p in found] == expected

    async def by_asyncio() -> list[float]:
        async with triton_aio.InferenceServerClient(address(client)) as speaker:
            assert await speaker.is_server_live()
            calls = (speaker.infer("hash-tiny", tensor([text])) for text in TEXTS)
            answers = await asyncio.gather(*calls)
            with pytest.raises(InferenceServerException, match="no such model"):
                await speaker.infer("nothing", tensor(["a"]))
        return [float(answer.as_numpy("probability")[0]) for answer in answers]

    assert asyncio.run(by_asyncio()) == expected


def test_the_path_names_version_and_variant_and_the_parameters_a_variant_too(
    make_client: MakeClient, publish: Publish, graph: bytes
) -> None:
    fast = "hash-tiny+int8_token"
    publish(graph, version="1.0.0")
    publish(hash_graph(seed=2), version="1.1.0")
    publish(hash_graph(seed=1), model_id=fast)
    client = make_client()
    with speaking(client) as speaker:

        def found(*given: str, **parameters: str) -> tuple[str, str, float]:
            answer = speaker.infer(given[0], tensor(["a"]), *given[1:], parameters=parameters)
            response = answer.get_response()
            probability = float(answer.as_numpy("probability")[0])
            return response["model_name"], response["model_version"], probability

        (newest,) = by_predict(client, ["a"])
        (oldest,) = by_predict(client, ["a"], model_id="hash-tiny@1.0.0")
        (other,) = by_predict(client, ["a"], variant="int8_token")
        assert len({newest, oldest, other}) == 3
        assert found("hash-tiny") == ("hash-tiny", "1.1.0", newest)
        assert found("hash-tiny", "1.0.0") == ("hash-tiny", "1.0.0", oldest)
        assert found(fast) == (fast, "1.0.0", other)
        assert found("hash-tiny", variant="int8_token") == (fast, "1.0.0", other)
        assert speaker.get_model_metadata(fast)["versions"] == ["1.0.0"]


def test_the_threshold_of_a_request_decides(speaker: triton.InferenceServerClient) -> None:
    found = speaker.infer("hash-tiny", tensor(["a"]))
    probability = float(found.as_numpy("probability")[0])
    for threshold, prediction in ((probability, 1), (probability + 1e-9, 0)):
        found = speaker.infer("hash-tiny", tensor(["a"]), parameters={"threshold": threshold})
        assert found.as_numpy("prediction").tolist() == [prediction]
        assert found.get_response()["parameters"]["threshold"] == threshold


@dataclass
class CuttingEngine(SlowEngine):
    """One whose model reads no more than three characters."""

    async def predict(self, artifact: Artifact, texts: Sequence[str]) -> Scores:
        scores = (Score(0.25, 3, windows=1, truncated=len(text) > 3) for text in texts)
        return Scores(tuple(scores), "test", TIMINGS)


def test_a_text_that_was_cut_is_told(make_client: MakeClient, artifact: Artifact) -> None:
    with speaking(make_client({Backend.LOCAL: CuttingEngine(0)})) as speaker:
        found = speaker.infer("hash-tiny", tensor(["abc", "abcd"]))
    assert found.as_numpy("truncated").tolist() == [False, True]
    assert found.as_numpy("confidence").tolist() == [0.5, 0.5]


def test_a_model_that_prefers_callers_is_run_here_and_a_delegation_cannot_be_asked_for(
    client: httpx.Client, speaker: triton.InferenceServerClient, artifact: Artifact
) -> None:
    assert artifact.manifest.routing.preferred_backend is Backend.CLIENT_SIDE
    found = speaker.infer("hash-tiny", tensor(["a"]), parameters={"prefer_backend": "modal"})
    assert found.get_response()["parameters"]["backend"] == "local"
    wish = {**document(), "parameters": {"prefer_backend": "client_side"}}
    problem = problem_of(client.post(INFER, json=wish))
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert "parameters.prefer_backend" in str(problem["detail"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_too_short"),
        ("my secret text", "text_too_long"),
        (7, "invalid_request"),
        (["a", "b"], "invalid_request"),
    ],
)
def test_one_bad_text_refuses_the_whole_request_and_is_named(
    make_client: MakeClient, artifact: Artifact, text: object, code: str
) -> None:
    client = make_client(max_text_length=10)
    answer = client.post(INFER, json=document(["fine", text, "fine"]))
    problem = problem_of(answer)
    assert (problem["status"], problem["code"], problem["index"]) == (422, code, 1)
    assert str(problem["error"]).startswith("element 1: ")
    assert "secret" not in answer.text


@pytest.mark.parametrize("shape", [[3], [10**12], [3, 1]], ids=str)
def test_more_texts_than_a_batch_may_have_are_refused_by_their_shape(
    make_client: MakeClient, artifact: Artifact, shape: list[int]
) -> None:
    client = make_client(max_batch_items=2)
    problem = problem_of(client.post(INFER, json=document(["a"], shape=shape)))
    assert (problem["code"], problem["length"], problem["limit"]) == ("too_many_texts", shape[0], 2)


BINARY = {"data": None, "parameters": {"binary_data_size": 5}}
ONE = encode_texts(["a"])


@pytest.mark.parametrize(
    ("request_body", "tensors", "told"),
    [
        (document(**BINARY), ONE[:4], "4 bytes follow the JSON"),
        (document(**BINARY), ONE + b"x", "6 bytes follow the JSON"),
        (document(**BINARY), b"\x02\0\0\0a", "element 0 of 1 would end at byte 6 of 5"),
        (document(**BINARY), b"\xff\xff\xff\xffa", "element 0 of 1"),
        (document(**BINARY), b"\x01\0\0\0\xff", "element 0 is not UTF-8"),
        (document(**BINARY), b"\0\0\0\0a", "1 bytes follow the 1 elements"),
        (document(["a", "b"], **BINARY), ONE, "element 1 of 2"),
        (document(), ONE, "5 bytes follow the JSON, and binary_data_size is 0"),
        (document(parameters=BINARY["parameters"]), ONE, "either data or binary_data_size"),
        (document(data=None), b"", "either data or binary_data_size"),
        (document(shape=[2]), b"", "the shape is for 2 elements, and data has 1"),
        (document(shape=[1], data=["a", "b"]), b"", "for 1 elements, and data has 2"),
    ],
)
def test_a_tensor_that_is_not_what_the_request_says_is_a_clear_400(
    client: httpx.Client, request_body: dict[str, object], tensors: bytes, told: str
) -> None:
    problem = problem_of(post_binary(client, request_body, tensors))
    assert (problem["status"], problem["code"]) == (400, "malformed_tensor")
    assert told in str(problem["error"])


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("0", "malformed_tensor"),
        ("-1", "malformed_tensor"),
        ("1e3", "malformed_tensor"),
        ("9999", "malformed_tensor"),
        ("9" * 400, "malformed_tensor"),
        ("10", "malformed_body"),
    ],
    ids=lambda given: given[:8],
)
def test_a_header_length_that_is_not_the_jsons_is_a_400(
    client: httpx.Client, header: str, code: str
) -> None:
    problem = problem_of(client.post(INFER, json=document(), headers={HEADER: header}))
    assert (problem["status"], problem["code"]) == (400, code)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nonsense", b"[" * 100_000, ONE], ids=repr)
def test_what_is_no_json_is_a_400(client: httpx.Client, body: bytes) -> None:
    problem = problem_of(client.post(INFER, content=body))
    assert (problem["status"], problem["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ([], "body"),
        ({}, "inputs"),
        ({"inputs": []}, "inputs.0"),
        ({"inputs": document()["inputs"] * 2}, "inputs"),
        (document(name="texts"), "inputs.0.name"),
        (document(datatype="FP32"), "inputs.0.datatype"),
        (document(shape=[]), "inputs.0.shape"),
        (document([], shape=[0]), "inputs.0.shape.0"),
        (document(shape=[1, 2]), "inputs.0.shape"),
        (document(shape=[1, 1, 1]), "inputs.0.shape"),
        (document(shape=["1"]), "inputs.0.shape.0"),
        (document(parameters={"binary_data_size": -1}), "inputs.0.parameters.binary_data_size"),
        ({**document(), "outputs": [{"name": "logit"}]}, "outputs.0.name"),
        ({**document(), "outputs": [{"name": "probability"}] * 5}, "outputs"),
        (
            {
                **document(),
                "outputs": [{"name": "probability", "parameters": {"classification": 1}}],
            },
            "outputs.0.parameters.classification",
        ),
        ({**document(), "parameters": {"treshold": 0.5}}, "parameters.treshold"),
        ({**document(), "parameters": {"threshold": 2}}, "parameters.threshold"),
        ({**document(), "parameters": {"timeout": -1}}, "parameters.timeout"),
        ({**document(), "parameters": {"priority": 1}}, "parameters.priority"),
        ({**document(), "id": 5}, "id"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_an_invalid_member_is_located(
    client: httpx.Client, request_body: object, field: str
) -> None:
    problem = problem_of(client.post(INFER, json=request_body))
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert [entry["field"] for entry in problem["errors"]] == [field]  # type: ignore[attr-defined]


def test_members_of_other_extensions_and_nulls_are_passed_over(client: httpx.Client) -> None:
    request = {**document(parameters={"content_type": "str"}), "model_name": "hash-tiny"}
    nulls = dict.fromkeys(("id", "parameters", "outputs"))
    (given,) = document()["inputs"]  # type: ignore[misc]
    for body in (request, {"inputs": [{**given, "parameters": None}], **nulls}):
        assert client.post(INFER, json=body).status_code == 200


@settings(max_examples=80, deadline=None)
@given(
    at=st.integers(0, 200),
    bytes_there=st.binary(max_size=6),
    length=st.one_of(st.none(), st.integers(0, 200)),
)
def test_a_damaged_request_is_answered_or_refused_and_never_a_500(
    client: httpx.Client, at: int, bytes_there: bytes, length: int | None
) -> None:
    content = json.dumps(document(**BINARY)).encode()
    body = content + ONE
    damaged = body[:at] + bytes_there + body[at + len(bytes_there) :]
    header = len(content) if length is None else length
    answer = client.post(INFER, content=damaged, headers={HEADER: str(header)})
    assert answer.status_code in {200, 400, 404, 422}
    if answer.status_code != 200:
        problem_of(answer)


def test_a_coding_that_is_not_read_is_a_415_that_names_those_that_are(
    client: httpx.Client,
) -> None:
    answer = client.post(INFER, content=b"x", headers={"content-encoding": "br"})
    assert problem_of(answer)["code"] == "unsupported_content_coding"
    assert answer.headers["accept-encoding"] == "gzip, deflate"
    wrong = client.post(INFER, content=b"x", headers={"content-encoding": "gzip"})
    assert problem_of(wrong)["code"] == "malformed_body"


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_the_limit_of_a_body_holds_before_and_after_it_is_decompressed(
    make_client: MakeClient, artifact: Artifact, compress: Callable[[bytes], bytes]
) -> None:
    client = make_client(max_body_bytes=5000)
    coding = {gzip.compress: "gzip", zlib.compress: "deflate"}[compress]
    body = json.dumps(document(["x" * 9000])).encode()
    assert len(compress(body)) < 200
    for content, headers in ((body, {}), (compress(body), {"content-encoding": coding})):
        problem = problem_of(client.post(INFER, content=content, headers=headers))
        assert (problem["code"], problem["limit"]) == ("body_too_large", 5000)


def test_overload_and_failure_are_said_as_by_predict(
    make_client: MakeClient, artifact: Artifact
) -> None:
    full = make_client({Backend.LOCAL: FullEngine(0)})
    with speaking(full) as speaker:
        call = lambda: speaker.infer("hash-tiny", tensor(["a"]))  # noqa: E731
        assert refusal(call) == ("503", "9000 tokens wait")
    assert full.post(INFER, json=document()).headers["Retry-After"] == "3"
    failing = make_client({Backend.LOCAL: FailingEngine()})
    problem = problem_of(failing.post(INFER, json=document()))
    assert (problem["code"], problem["message"]) == (
        "all_backends_failed",
        "All inference backends failed",
    )
    broken = make_client({Backend.LOCAL: BrokenEngine()})
    problem = problem_of(broken.post(INFER, json=document()))
    assert (problem["status"], problem["code"]) == (500, "internal")


def test_the_deadline_is_the_shortest_of_parameter_header_and_settings(
    make_client: MakeClient, artifact: Artifact
) -> None:
    engine = SlowEngine(seconds=20)
    client = make_client({Backend.LOCAL: engine}, request_timeout_ms=90)
    with speaking(client) as speaker:
        call = lambda: speaker.infer("hash-tiny", tensor(["slow"]), timeout=30_500)  # noqa: E731
        assert refusal(call) == ("504", "no answer within 31 ms")
    assert engine.cancelled.wait(timeout=5)
    for microseconds, header, limit in ((80_000, "40", 40), (0, "", 90), (10**9, "", 90)):
        request = {**document(["slow"]), "parameters": {"timeout": microseconds}}
        headers = {TIMEOUT: header} if header else {}
        problem = problem_of(client.post(INFER, json=request, headers=headers))
        assert (problem["code"], problem["limit_ms"]) == ("deadline_exceeded", limit)


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
        assert HEADER in [parameter["name"] for parameter in operation["parameters"]]
        codes = {
            code
            for response in operation["responses"].values()
            for code in response["content"].get("application/problem+json", {}).get("examples", ())
        }
        assert {"malformed_tensor", "unsupported_content_coding", "text_too_long"} <= codes
        assert {"overloaded", "deadline_exceeded", "too_many_texts"} <= codes
    example = schema["components"]["schemas"]["InferRequest"]["examples"][0]
    assert client.post(INFER, json=example).status_code == 200
