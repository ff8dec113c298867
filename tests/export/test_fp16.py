import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from export.quantization.fp16 import fp16
from tests.export.small_scorer import (
    batch_difference,
    largest_drift,
    loop_body,
    run,
    same_bytes_twice,
    small_scorer,
    stored_types,
)

TYPES = {1: "fp32", 10: "fp16"}


def output_types(model: onnx.ModelProto) -> dict[str, str]:
    """The type of every float value, by the operator and the name of its node."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    return {
        f"{node.op_type} {node.output[0].split('/')[0]}": TYPES[kinds[node.output[0]]]
        for node in inferred.node
        if kinds.get(node.output[0]) in TYPES and node.op_type != "Cast"
    }


@pytest.fixture
def masked() -> onnx.ModelProto:
    """Attention with a mask that half cannot hold, between two weights: x float[N, 64]."""
    model = parser.parse_model("""
        <ir_version: 9, opset_import: ["" : 20]>
        attention (float[N, 64] x, float[N, N] mask) => (float[N, 64] y) {
          query = MatMul (x, first)
          keys = Transpose <perm = [1, 0]> (query)
          match = MatMul (query, keys)
          scaled = Div (match, eight)
          bias = Mul (mask, lowest)
          hidden = Add (scaled, bias)
          weights = Softmax (hidden)
          mixed = MatMul (weights, query)
          y = MatMul (mixed, first)
        }""")
    random = np.random.RandomState(0)
    weight = random.normal(size=(64, 64)).astype(np.float32) / 8
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(weight, "first"),
            numpy_helper.from_array(np.float32(8), "eight"),
            numpy_helper.from_array(np.finfo(np.float32).min, "lowest"),
        ]
    )
    return model


def test_weights_are_half_wherever_they_are_read() -> None:
    kept = stored_types(fp16(small_scorer()))
    half = {name for name, kind in kept.items() if kind == TensorProto.FLOAT16}
    assert {f"{name}/half" for name in ("table", "up", "down", "mix", "turn")} <= half
    assert not {"table", "up", "down", "mix", "turn"} & set(kept)
    assert kept["positions"] == kept["gain"] == TensorProto.FLOAT


def test_products_are_half_and_norms_and_the_tail_are_not() -> None:
    types = output_types(fp16(small_scorer()))
    half = {"Gather found", "MatMul wide", "Gelu bent", "MatMul narrow", "Reshape rows"}
    full = {"Gather place", "Add sum", "LayerNormalization norm", "Loop last"}
    full |= {"ReduceMax best", "ReduceMean mean", "Sub centred", "Mul sharp"}
    assert {types[name] for name in half} == {"fp16"}
    assert {types[name] for name in full} == {"fp32"}


def test_a_loop_works_in_fp32() -> None:
    body = loop_body(fp16(small_scorer()))
    assert {node.op_type for node in body.node} == {"Identity", "MatMul", "Tanh"}


def test_softmax_and_a_mask_beyond_half_stay_in_fp32(masked: onnx.ModelProto) -> None:
    types = output_types(fp16(masked))
    assert types["Div scaled"] == types["MatMul mixed"] == "fp16"
    assert types["Mul bias"] == types["Add hidden"] == types["Softmax weights"] == "fp32"


def test_hidden_tokens_stay_hidden(masked: onnx.ModelProto) -> None:
    random = np.random.RandomState(1)
    x = random.normal(size=(5, 64)).astype(np.float32)
    mask = np.triu(np.ones((5, 5), np.float32), 1)
    feeds = {"x": x, "mask": mask}
    expected, found = run(masked, feeds), run(fp16(masked), feeds)
    assert np.all(np.isfinite(found))
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_the_answer_moves_by_rounding_only() -> None:
    assert 0 < largest_drift(fp16(small_scorer())) < 0.01


def test_batch_mates_change_next_to_nothing() -> None:
    assert batch_difference(fp16(small_scorer())) < 1e-3


def test_the_same_model_gives_the_same_bytes() -> None:
    assert same_bytes_twice(fp16)
