from pathlib import Path

import onnx
import pytest
from onnx import helper

from export.graph_stream import write_model
from registry import FileStore
from registry.store import DEFAULT_ROOT
from tests.export.small_scorer import small_scorer


def noted() -> onnx.ModelProto:
    """With something in every kind of field."""
    model = small_scorer()
    model.producer_name, model.doc_string = "test", "a note"
    model.metadata_props.add(key="a", value="b")
    model.graph.doc_string = "another"
    model.graph.value_info.append(helper.make_tensor_value_info("sum", 1, ["N", "T", 64]))
    model.graph.metadata_props.add(key="c", value="d")
    model.opset_import.add(domain="com.microsoft", version=1)
    return model


def bare() -> onnx.ModelProto:
    """Without weights, name or opset."""
    return onnx.ModelProto(ir_version=9, graph=onnx.GraphProto())


def catalogue(model_id: str) -> onnx.ModelProto:
    return onnx.load(FileStore(DEFAULT_ROOT).resolve(model_id).path("model.onnx"))


@pytest.mark.parametrize(
    "model",
    [small_scorer(), noted(), bare(), catalogue("lexical-tiny"), catalogue("minilm-small")],
    ids=["small", "noted", "bare", "lexical-tiny", "minilm-small"],
)
def test_the_bytes_are_those_of_protobuf(model: onnx.ModelProto, tmp_path: Path) -> None:
    write_model(model, tmp_path / "model.onnx")
    found = (tmp_path / "model.onnx").read_bytes()
    assert found == model.SerializeToString(deterministic=True)
