"""Weights of a GGUF file, found by value and multiplied as they are stored."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize
from onnx import TensorProto, helper, numpy_helper

from export.errors import ConversionError
from export.quantization.gguf_blocks import EightBitBlocks, FourBitBlocks, GgufRows
from export.quantization.gguf_exact import gguf_exact
from export.quantization.weight_matrices import MIN_EMBEDDING_ELEMENTS

Weights = dict[str, np.ndarray]
WIDTH, INNER = 64, 96
WORDS = MIN_EMBEDDING_ELEMENTS // WIDTH + 3
SHAPES = {
    "table": ((WORDS, WIDTH), GGMLQuantizationType.Q8_0),
    "inward": ((INNER, WIDTH), GGMLQuantizationType.Q4_1),
    "gate": ((INNER, WIDTH), GGMLQuantizationType.Q4_1),
    "outward": ((WIDTH, INNER), GGMLQuantizationType.Q8_0),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    """A GGUF file of quantized matrices, and what they stand for."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    writer = GGUFWriter(path, "llama")
    values = {}
    for name, (shape, scheme) in SHAPES.items():
        matrix = random.normal(size=shape).astype(np.float32)
        matrix[1, :32] = 0.25  # a block of equal values has no scale
        matrix[2, :32] = 0
        blocks = quantize(matrix, scheme)
        writer.add_tensor(name, blocks, raw_dtype=scheme)
        values[name] = dequantize(blocks, scheme)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, values


def graph(values: Weights) -> onnx.ModelProto:
    """Embedding, three matrices, and a head in a Scan that is tied to the embedding."""
    head = helper.make_graph(
        [helper.make_node("MatMul", ["row", "head"], ["row_logits"])],
        "head_of_row",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, ["T", WIDTH])],
        [helper.make_tensor_value_info("row_logits", TensorProto.FLOAT, ["T", WORDS])],
    )
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("MatMul", ["x", "inward"], ["up"]),
        helper.make_node("MatMul", ["x", "gate"], ["gated"]),
        helper.make_node("Mul", ["up", "gated"], ["inner"]),
        helper.make_node("MatMul", ["inner", "outward"], ["z"]),
        helper.make_node("Transpose", ["table"], ["head"], perm=[1, 0]),
        helper.make_node("Scan", ["z"], ["logits"], body=head, num_scan_inputs=1),
    ]
    tensors = {name: value if name == "table" else value.T for name, value in values.items()}
    body = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", "T"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", "T", WORDS])],
        [numpy_helper.from_array(np.ascontiguousarray(v), name) for name, v in tensors.items()],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def logits(model: onnx.ModelProto) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"ids": np.arange(12).reshape(3, 4)})[0])


def test_a_repacked_graph_gives_the_same_numbers(weights: tuple[Path, Weights]) -> None:
    path, values = weights
    repacked = gguf_exact(graph(values), path)
    onnx.checker.check_model(repacked)
    expected = logits(graph(values))
    assert np.abs(logits(repacked) - expected).max() <= 2e-6 * np.abs(expected).max()


def test_all_weights_are_stored_as_in_the_file(weights: tuple[Path, Weights]) -> None:
    path, values = weights
    repacked = gguf_exact(graph(values), path)
    stored = sum(tensor.ByteSize() for tensor in repacked.graph.initializer)
    blocks = WORDS * WIDTH // 32 * 34 + 2 * INNER * WIDTH // 32 * 20 + WIDTH * INNER // 32 * 34
    assert stored == pytest.approx(blocks, rel=0.01)
    assert TensorProto.FLOAT not in {tensor.data_type for tensor in repacked.graph.initializer}


def test_the_second_part_of_a_product_is_small_beside_the_weights(
    weights: tuple[Path, Weights],
) -> None:
    path, values = weights
    nodes = {node.name: node for node in gguf_exact(graph(values), path).graph.node}
    products = [node for node in nodes.values() if node.op_type == "MatMulNBits"]
    # Without zero points, values are counted from 8: the middle of the sixteen.
    assert [len(node.input) for node in products] == [3, 3]
    for name in ("inward", "gate"):
        blocks = GgufRows(path).blocks(values[name], name)
        assert isinstance(blocks, FourBitBlocks)
        middles = blocks.minimum.astype(np.float32) + 8 * blocks.scale.astype(np.float32)
        assert np.abs(middles).mean() < 0.25 * np.abs(blocks.minimum).mean()


def test_products_of_one_input_share_its_sums(weights: tuple[Path, Weights]) -> None:
    path, values = weights
    operators = [node.op_type for node in gguf_exact(graph(values), path).graph.node]
    assert operators.count("MatMulNBits") == 2
    assert operators.count("ReduceSum") == 1


@pytest.mark.parametrize("name", SHAPES)
def test_blocks_are_found_by_value_in_any_order_of_rows(
    weights: tuple[Path, Weights], name: str
) -> None:
    path, values = weights
    rows = np.random.default_rng(1).permutation(values[name])[:40]
    blocks = GgufRows(path).blocks(rows, name)
    np.testing.assert_array_equal(dequantized(blocks), rows)


def dequantized(blocks: FourBitBlocks | EightBitBlocks) -> np.ndarray:
    scale = blocks.scale[..., None].astype(np.float32)
    if isinstance(blocks, EightBitBlocks):
        return (blocks.values * scale).reshape(len(scale), -1)
    values = np.stack([blocks.values & 15, blocks.values >> 4], axis=-1).reshape(
        *scale.shape[:2], 32
    )
    return (values * scale + blocks.minimum[..., None].astype(np.float32)).reshape(len(scale), -1)


def test_a_graph_of_other_weights_is_refused(weights: tuple[Path, Weights]) -> None:
    path, values = weights
    values = values | {"gate": values["gate"] + 1}
    with pytest.raises(ConversionError, match=r"gate: 96 of 96 rows .* model\.gguf"):
        gguf_exact(graph(values), path)


def test_a_table_in_four_bits_is_refused(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(WORDS, WIDTH)).astype(np.float32)
    blocks = quantize(table, GGMLQuantizationType.Q4_1)
    writer = GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("table", blocks, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    lookup = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["x"])],
        "lookup",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", "T"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", WIDTH])],
        [numpy_helper.from_array(dequantize(blocks, GGMLQuantizationType.Q4_1), "table")],
    )
    with pytest.raises(ConversionError, match="must be Q8_0"):
        gguf_exact(helper.make_model(lookup), tmp_path / "model.gguf")
