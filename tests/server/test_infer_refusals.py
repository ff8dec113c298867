"""`/v2/…/infer` refuses what it cannot take: clearly, whole, and never with a 500."""

import gzip
import json
import zlib
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import Artifact
from runtime_server.tensor_body import HEADER, encode_texts
from tests.server.protocol_client import (
    INFER,
    document,
    post_binary,
    problem_of,
)

MakeClient = Callable[..., httpx.Client]
BINARY = {"data": None, "parameters": {"binary_data_size": 5}}
ONE = encode_texts(["a"])


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
