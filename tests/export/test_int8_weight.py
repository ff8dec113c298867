import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from export.quantization.int8_weight import MIN_EMBEDDING_ELEMENTS, int8_weight

ROWS, WIDTH = MIN_EMBEDDING_ELEMENTS // 64 + 1, 64
RANDOM = np.random.RandomState(0)


def model() -> onnx.ModelProto:
    """A large embedding, a MatMul, a Gemm with transB, and a small table."""
    weights = {
        "table": RANDOM.normal(size=(ROWS, WIDTH)),
        "positions": RANDOM.normal(size=(100, WIDTH)),
        "square": RANDOM.normal(size=(WIDTH, 2 * WIDTH)),
        "transposed": RANDOM.normal(size=(WIDTH, 2 * WIDTH)),
        "bias": RANDOM.normal(size=WIDTH),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["found"]),
        helper.make_node("Gather", ["positions", "ids"], ["place"]),
        helper.make_node("Add", ["found", "place"], ["row"]),
        helper.make_node("MatMul", ["row", "square"], ["wide"]),
        helper.make_node("Gemm", ["wide", "transposed", "bias"], ["out"], transB=1),
    ]
    initializers = [numpy_helper.from_array(w.astype(np.float32), n) for n, w in weights.items()]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", WIDTH])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(content: onnx.ModelProto, ids: list[int]) -> np.ndarray:
    session = ort.InferenceSession(content.SerializeToString())
    return session.run(None, {"ids": np.array(ids, dtype=np.int64)})[0]


def test_large_weights_are_int8_and_the_rest_stays() -> None:
    kept = {t.name: t.data_type for t in int8_weight(model()).graph.initializer}
    int8 = {name for name, kind in kept.items() if kind == TensorProto.INT8}
    assert int8 == {"table_rows", "square/1_int8", "transposed/0_int8"}
    assert {"positions", "bias"} <= set(kept)
    assert not {"table", "square", "transposed"} & set(kept)


def test_the_answer_moves_by_rounding_only() -> None:
    original = model()
    expected, actual = run(original, [0, 7, 99]), run(int8_weight(original), [0, 7, 99])
    relative = np.abs(actual - expected).max() / np.abs(expected).max()
    assert 0 < relative < 0.02


def test_no_dequantize_operator_is_used() -> None:
    operators = {node.op_type for node in int8_weight(model()).graph.node}
    assert operators == {"Gather", "Cast", "Mul", "Add", "MatMul", "Gemm"}


def test_the_same_model_gives_the_same_bytes() -> None:
    original = model()
    first, second = int8_weight(original), int8_weight(original)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )
