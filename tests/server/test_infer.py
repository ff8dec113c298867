"""`/v2/…/infer` as tritonclient calls it, against a live server: the answers of /predict."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import gevent
import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from registry import Artifact, Backend
from runtime_server.deadline import HEADER as TIMEOUT
from runtime_server.engine import Score, Scores
from runtime_server.tensor_body import HEADER
from tests.server.conftest import hash_graph
from tests.server.protocol_client import (
    INFER,
    JSON,
    OUTPUTS,
    address,
    by_predict,
    document,
    problem_of,
    refusal,
    speaking,
    tensor,
)
from tests.server.test_deadline import TIMINGS, FullEngine, SlowEngine
from tests.server.test_predict import BrokenEngine, FailingEngine

MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]
TEXTS = ("a", "Grüße,  WORLD", "a\0b", "\U0001f600 ﬁ", " ", "x" * 3000)


@pytest.fixture
def speaker(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    with speaking(client) as speaker:
        yield speaker


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

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
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


def test_members_of_other_extensions_and_nulls_are_passed_over(client: httpx.Client) -> None:
    request = {**document(parameters={"content_type": "str"}), "model_name": "hash-tiny"}
    nulls = dict.fromkeys(("id", "parameters", "outputs"))
    (given,) = document()["inputs"]  # type: ignore[misc]
    for body in (request, {"inputs": [{**given, "parameters": None}], **nulls}):
        assert client.post(INFER, json=body).status_code == 200


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
