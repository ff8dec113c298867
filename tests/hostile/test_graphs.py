"""Graphs that would read what is not theirs."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from registry import Artifact, ManifestError
from registry.manifest import MODEL_FILE
from runtime_server.errors import EngineError
from runtime_server.graph_session import EXTERNAL_DATA_FILE, GraphSession, SessionPlan
from tests.server.conftest import make_manifest, publish_to

SECRET = np.array([0.25], np.float32).tobytes()
PLAN = SessionPlan(threads=1, allow_cuda=False)


def reading(location: str) -> bytes:
    """A graph whose only weight lies in another file: probability = weight, for each text."""
    weight = TensorProto(name="weight", dims=[1], data_type=TensorProto.FLOAT)
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        weight.external_data.add(key=key, value=value)
    nodes = [
        helper.make_node("Shape", ["text"], ["shape"]),
        helper.make_node("Expand", ["weight", "shape"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reading",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [weight],
    )
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def answer(artifact: Artifact) -> tuple[float, ...]:
    return GraphSession.load(artifact, PLAN).run({"text": np.array(["a"], dtype=object)})


def test_weights_beside_the_graph_are_read(tmp_path: Path) -> None:
    content = reading(EXTERNAL_DATA_FILE)
    artifact = publish_to(tmp_path, content, others={EXTERNAL_DATA_FILE: SECRET})
    assert answer(artifact) == (0.25,)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("location", ["../secret", "{folder}/secret", "./../secret", "secret"])
def test_weights_elsewhere_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str, listed: bool
) -> None:
    for folder in (tmp_path, tmp_path / "registry" / "hash-tiny"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path)
    content = reading(location.format(folder=tmp_path))
    others = {EXTERNAL_DATA_FILE: SECRET} if listed else {}
    artifact = publish_to(tmp_path / "registry", content, others=others)
    with pytest.raises(EngineError, match="load_failed"):
        answer(artifact)


def test_a_link_that_takes_the_place_of_weights_is_not_followed(tmp_path: Path) -> None:
    content = reading(EXTERNAL_DATA_FILE)
    artifact = publish_to(tmp_path / "registry", content, others={EXTERNAL_DATA_FILE: SECRET})
    (tmp_path / "secret").write_bytes(SECRET)
    artifact.path(EXTERNAL_DATA_FILE).unlink()
    artifact.path(EXTERNAL_DATA_FILE).symlink_to(tmp_path / "secret")
    with pytest.raises(EngineError, match="artifact_missing"):
        answer(artifact)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a/b", "..", "C:\\x", ""])
def test_a_manifest_cannot_name_a_file_elsewhere(name: str) -> None:
    content = reading(EXTERNAL_DATA_FILE)
    with pytest.raises((ValueError, ManifestError)):
        make_manifest(content, others={name: b""})


def test_a_graph_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = onnx.load_from_string(reading(EXTERNAL_DATA_FILE)).SerializeToString()
    for number, end in enumerate(range(1, len(whole), max(1, len(whole) // 12))):
        artifact = publish_to(tmp_path / str(number), whole[:end])
        assert artifact.path(MODEL_FILE).stat().st_size == end
        with pytest.raises(EngineError):
            answer(artifact)
