"""Speaks the Open Inference Protocol in tests: by tritonclient, and by hand."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from runtime_server.tensor_body import HEADER

INFER = "/v2/models/hash-tiny/infer"
JSON = {"content-type": "application/json"}
OUTPUTS = {"probability": "FP32", "prediction": "INT64", "confidence": "FP32", "truncated": "BOOL"}


@contextmanager
def speaking(client: httpx.Client) -> Iterator[triton.InferenceServerClient]:
    """A tritonclient of the server that `client` is a client of."""
    with triton.InferenceServerClient(address(client), concurrency=4) as speaker:
        yield speaker


def address(client: httpx.Client) -> str:
    return f"{client.base_url.host}:{client.base_url.port}"


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
