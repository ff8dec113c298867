import numpy as np
import onnx
import pytest

from export.quantization.graph_rewrite import GraphRewrite
from tests.export.small_scorer import VOCABULARY, WIDTH, small_scorer


def gemm(model: onnx.ModelProto) -> onnx.NodeProto:
    (node,) = (node for node in model.graph.node if node.op_type == "Gemm")
    return node


def test_products_are_found_behind_transposes_and_in_bodies() -> None:
    found = {p.weight.name: p.matrix.shape for p in GraphRewrite(small_scorer()).products()}
    assert found == {
        "up": (WIDTH, 2 * WIDTH),
        "down": (2 * WIDTH, WIDTH),
        "mix": (WIDTH, WIDTH),
        "turn": (WIDTH, WIDTH),
        "table": (WIDTH, VOCABULARY),
    }


def test_only_large_tables_are_lookups() -> None:
    assert [lookup.table.name for lookup in GraphRewrite(small_scorer()).lookups()] == ["table"]


@pytest.mark.parametrize("change", [{"alpha": 0.5}, {"transA": 1}])
def test_a_gemm_that_does_more_than_multiply_and_add_is_left_alone(
    change: dict[str, float],
) -> None:
    model = small_scorer()
    gemm(model).attribute.extend(onnx.helper.make_attribute(k, v) for k, v in change.items())
    assert "mix" not in {product.weight.name for product in GraphRewrite(model).products()}


def test_a_weight_that_callers_may_feed_is_left_alone() -> None:
    model = small_scorer()
    model.graph.input.append(
        onnx.helper.make_tensor_value_info("up", onnx.TensorProto.FLOAT, [WIDTH, 2 * WIDTH])
    )
    assert "up" not in {product.weight.name for product in GraphRewrite(model).products()}


def test_nothing_changes_where_nothing_is_replaced() -> None:
    original, copy = small_scorer(), GraphRewrite(small_scorer()).finish()
    assert [n.output for n in copy.graph.node] == [n.output for n in original.graph.node]
    assert {t.name for t in copy.graph.initializer} == {t.name for t in original.graph.initializer}
    assert (copy.ir_version, copy.opset_import) == (original.ir_version, original.opset_import)


def test_a_constant_is_stored_once() -> None:
    rewrite = GraphRewrite(small_scorer())
    first, second = (rewrite.constant("one", np.ones(3, np.float32)) for _ in range(2))
    assert first is second
