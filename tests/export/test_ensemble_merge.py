"""Merging graphs: the answer is the members', and what they share is there once."""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.ensemble.merge import EnsembleHead, Part, merged
from export.errors import ConversionError

TABLE = np.random.RandomState(0).normal(size=(20, 3)).astype(np.float32)
SHARED = {"input_ids": "input_ids", "attention_mask": "attention_mask"}
OTHER = {"input_ids": "other_input_ids", "attention_mask": "other_attention_mask"}
IDS = np.array([[3, 4, 5], [6, 7, 0]], dtype=np.int64)
MASK = (IDS > 0).astype(np.int64)


def member(
    scale: float = 1.0, opset: int = 20, output: str = "features", *, loop: bool = False
) -> onnx.ModelProto:
    """Masked sum of a table's rows times `scale`, float32[N, 3]."""
    constants = {
        "table": TABLE,
        "axis": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "scale": np.array(scale, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["wide", "last"], ["column"]),
        helper.make_node("Mul", ["rows", "column"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["sum"], keepdims=0),
        scan_of_texts() if loop else helper.make_node("Mul", ["sum", "scale"], [output]),
    ]
    tokens = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"])
        for name in ("input_ids", "attention_mask")
    ]
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 3])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "member", tokens, [result], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def scan_of_texts() -> onnx.NodeProto:
    """The same product, text by text, in a body that reads `scale` from outside."""
    one = helper.make_tensor_value_info("one", TensorProto.FLOAT, [3])
    product = helper.make_tensor_value_info("product", TensorProto.FLOAT, [3])
    body = helper.make_graph(
        [helper.make_node("Mul", ["one", "scale"], ["product"])], "body", [one], [product]
    )
    return helper.make_node("Scan", ["sum"], ["features"], body=body, num_scan_inputs=1)


def head(*weight: float, mean: float = 0.0, bias: float = 0.0) -> EnsembleHead:
    weights = np.array(weight, np.float32)
    return EnsembleHead(np.full_like(weights, mean), weights, np.array(bias, np.float32))


def run(model: onnx.ModelProto, **feeds: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert {value.name for value in session.get_inputs()} == set(feeds)
    (probability,) = session.run(["probability"], feeds)
    return np.asarray(probability)


def sums(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    return (TABLE[ids] * (ids > 0)[..., None]).sum(axis=1, dtype=np.float32)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_the_head_sees_all_members_features() -> None:
    whole = head(1.0, -2.0, 0.5, 0.1, 0.2, -0.3, mean=0.25, bias=0.5)
    parts = [Part("a", member(), SHARED), Part("b", member(scale=2.0), SHARED)]
    features = np.concatenate([sums(IDS), 2 * sums(IDS)], axis=1)
    found = run(merged(parts, whole), input_ids=IDS, attention_mask=MASK)
    np.testing.assert_allclose(found, whole(features), atol=1e-6)


def test_what_members_share_is_there_once() -> None:
    parts = [Part("a", member(), SHARED), Part("b", member(scale=2.0), SHARED)]
    model = merged(parts, head(*[1.0] * 6))
    assert [tuple(tensor.dims) for tensor in model.graph.initializer].count(TABLE.shape) == 1
    assert operators(model).count("Gather") == 1
    assert operators(model).count("ReduceSum") == 2  # the members' common one, the head's
    assert operators(model).count("Mul") == 4  # the mask, one scale each, the head


def test_members_of_other_tokenizers_have_inputs_of_their_own() -> None:
    parts = [Part("a", member(), SHARED), Part("b", member(), OTHER)]
    whole = head(1.0, 1.0, 1.0, -1.0, -1.0, -1.0)
    others = np.array([[1, 2, 3, 4, 5], [9, 0, 0, 0, 0]], dtype=np.int64)
    found = run(
        merged(parts, whole),
        input_ids=IDS,
        attention_mask=MASK,
        other_input_ids=others,
        other_attention_mask=(others > 0).astype(np.int64),
    )
    expected = whole(np.concatenate([sums(IDS), sums(others)], axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bodies_that_read_from_outside_still_do() -> None:
    parts = [
        Part("a", member(scale=3.0, loop=True), SHARED),
        Part("b", member(scale=2.0, loop=True), SHARED),
    ]
    whole = head(1.0, 1.0, 1.0, -1.0, -1.0, -1.0)
    found = run(merged(parts, whole), input_ids=IDS, attention_mask=MASK)
    expected = whole(np.concatenate([3 * sums(IDS), 2 * sums(IDS)], axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_random_nodes_are_not_taken_for_one() -> None:
    model = member()
    model.graph.node[-1].CopyFrom(helper.make_node("RandomNormalLike", ["sum"], ["features"]))
    again = onnx.ModelProto.FromString(model.SerializeToString())
    whole = merged([Part("a", model, SHARED), Part("b", again, SHARED)], head(*[1.0] * 6))
    assert operators(whole).count("RandomNormalLike") == 2


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (member(opset=19), "member b has opset 19 of ai.onnx, an earlier one 20"),
        (member(output="logits"), "member b has no output 'features'"),
    ],
)
def test_members_that_do_not_fit_are_named(second: onnx.ModelProto, message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        merged([Part("a", member(), SHARED), Part("b", second, SHARED)], head(*[1.0] * 6))
