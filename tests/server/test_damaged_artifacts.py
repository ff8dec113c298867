from collections.abc import Callable

import httpx

from registry import Artifact


def test_a_model_whose_bytes_changed_is_never_served(
    make_client: Callable[..., httpx.Client], artifact: Artifact
) -> None:
    path = artifact.path("model.onnx")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    client = make_client()
    prediction = client.post("/predict", json={"text": "x"})
    download = client.get("/models/hash-tiny/download")
    ready = client.get("/readyz")
    assert prediction.json()["attempts"][-1]["reason"] == "digest_mismatch"
    assert prediction.status_code == 503
    assert (download.status_code, download.json()["code"]) == (503, "artifact_corrupt")
    assert ready.status_code == 503
    assert str(path) not in prediction.text + download.text


def test_a_repaired_model_is_served_without_a_restart(
    make_client: Callable[..., httpx.Client], artifact: Artifact, graph: bytes
) -> None:
    artifact.path("model.onnx").write_bytes(b"damaged")
    client = make_client()
    assert client.post("/predict", json={"text": "x"}).status_code == 503
    artifact.path("model.onnx").write_bytes(graph)
    assert client.post("/predict", json={"text": "x"}).status_code == 200


def test_a_file_that_is_no_graph_is_a_failed_load(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact]
) -> None:
    publish(b"not a graph at all")
    problem = make_client().post("/predict", json={"text": "x"}).json()
    assert problem["attempts"][-1]["reason"] == "load_failed"
