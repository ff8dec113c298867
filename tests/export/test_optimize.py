import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from export.passes.optimize import optimized
from tests.export.small_scorer import WIDTH, loop_body, probabilities, small_scorer, token_ids


@pytest.fixture
def untidy() -> onnx.ModelProto:
    """The scorer with a dead node, a sum of constants, and a second copy of a weight."""
    model = small_scorer()
    graph = model.graph
    copy = onnx.TensorProto()
    copy.CopyFrom(next(tensor for tensor in graph.initializer if tensor.name == "mix"))
    copy.name = "mix_again"
    half = numpy_helper.from_array(np.full(WIDTH, 0.5, np.float32), "half")
    gain = next(tensor for tensor in graph.initializer if tensor.name == "gain")
    gain.name = "one"
    graph.initializer.extend([copy, half])
    added = [
        helper.make_node("Mul", ["one", "half"], ["halved"]),
        helper.make_node("Add", ["halved", "half"], ["gain"]),
        helper.make_node("Neg", ["input_ids"], ["unread"]),
        helper.make_node("MatMul", ["mixed", "mix"], ["once"]),
        helper.make_node("MatMul", ["once", "mix_again"], ["mixed_thrice"]),
    ]
    gemm = next(i for i, node in enumerate(graph.node) if node.op_type == "Gemm")
    nodes = [*added[:3], *graph.node[: gemm + 1], *added[3:], *graph.node[gemm + 1 :]]
    loop = next(node for node in nodes if node.op_type == "Loop")
    loop.input[2] = "mixed_thrice"
    del graph.node[:]
    graph.node.extend(nodes)
    return onnx.shape_inference.infer_shapes(model)


def test_fewer_nodes_and_weights_give_the_same_answer(untidy: onnx.ModelProto) -> None:
    tidy = optimized(untidy)
    onnx.checker.check_model(tidy)
    assert len(tidy.graph.node) == len(untidy.graph.node) - 3
    assert len({t.raw_data for t in tidy.graph.initializer}) == len(tidy.graph.initializer)
    ids = token_ids(16)
    np.testing.assert_allclose(probabilities(tidy, ids), probabilities(untidy, ids), atol=1e-6)


def test_no_shape_of_an_intermediate_value_is_kept(untidy: onnx.ModelProto) -> None:
    tidy = optimized(untidy)
    assert len(untidy.graph.value_info) > 0
    assert len(tidy.graph.value_info) == 0
    assert len(loop_body(tidy).value_info) == 0


def test_nothing_noted_on_nodes_is_kept_in_loops_either(untidy: onnx.ModelProto) -> None:
    for node in (untidy.graph.node[0], loop_body(untidy).node[0]):
        node.metadata_props.add(key="stack_trace", value="/home/user/export.py")
    assert b"/home/user" not in optimized(untidy).SerializeToString()


def test_the_same_model_gives_the_same_bytes(untidy: onnx.ModelProto) -> None:
    first, second = (optimized(untidy).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_an_optimized_graph_is_left_as_it_is(untidy: onnx.ModelProto) -> None:
    once = optimized(untidy)
    assert optimized(once).SerializeToString(deterministic=True) == once.SerializeToString(
        deterministic=True
    )
