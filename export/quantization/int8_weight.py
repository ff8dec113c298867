"""int8_weight: weights as int8 with a float scale per channel, multiplied in fp32.

Cast and Mul stand in the graph instead of DequantizeLinear, which onnxruntime fuses with a MatMul
natively but not in WebAssembly: then the two would compute different numbers.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

# Below this a weight is a bias or a norm: nothing to save, precision to lose.
MIN_ELEMENTS = 4096
# Position and type embeddings are small and enter every token: in int8 they cost most of the drift.
MIN_EMBEDDING_ELEMENTS = 1_000_000
Float32s = npt.NDArray[np.float32]


@dataclass
class _Rewrite:
    """The nodes and initializers of the new graph, as they are collected."""

    weights: dict[str, onnx.TensorProto]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    added: dict[str, onnx.TensorProto] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)

    def matrix(self, name: str, channel_axis: int) -> str:
        """The name of the dequantized matrix, whose nodes are added once."""
        key = f"{name}/{channel_axis}"
        if key not in self.replaced:
            weight = numpy_helper.to_array(self.weights[name]).astype(np.float32)
            rows, scale = _quantized(weight, axis=1 - channel_axis)
            self._add(f"{key}_int8", rows)
            self._add(f"{key}_scale", scale)
            self.nodes.append(_cast(f"{key}_int8", f"{key}_wide"))
            mul = helper.make_node("Mul", [f"{key}_wide", f"{key}_scale"], [f"{key}_fp32"])
            self.nodes.append(mul)
            self.replaced[key] = f"{key}_fp32"
        return self.replaced[key]

    def embedding(self, node: onnx.NodeProto) -> None:
        """Gather int8 rows and their scales instead of fp32 rows."""
        name, index, output = node.input[0], node.input[1], node.output[0]
        if f"{name}_rows" not in self.added:
            weight = numpy_helper.to_array(self.weights[name]).astype(np.float32)
            rows, scale = _quantized(weight, axis=1)
            self._add(f"{name}_rows", rows)
            self._add(f"{name}_row_scale", scale)
        parts = (f"{output}_int8", f"{output}_wide", f"{output}_scale")
        self.nodes += [
            helper.make_node("Gather", [f"{name}_rows", index], [parts[0]], axis=0),
            _cast(parts[0], parts[1]),
            helper.make_node("Gather", [f"{name}_row_scale", index], [parts[2]], axis=0),
            helper.make_node("Mul", [parts[1], parts[2]], [output]),
        ]

    def _add(self, name: str, value: npt.NDArray[np.float32] | npt.NDArray[np.int8]) -> None:
        self.added[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)


def int8_weight(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with matrices per output channel, and embeddings per row, in int8."""
    graph = model.graph
    weights = {
        tensor.name: tensor
        for tensor in graph.initializer
        if len(tensor.dims) == 2
        and tensor.data_type == TensorProto.FLOAT
        and np.prod(tensor.dims) >= MIN_ELEMENTS
    }
    rewrite = _Rewrite(weights)
    for node in graph.node:
        _rewrite_node(node, rewrite)
    used = {name for node in rewrite.nodes for name in node.input}
    initializers = [t for t in (*graph.initializer, *rewrite.added.values()) if t.name in used]
    quantized = helper.make_graph(
        rewrite.nodes, graph.name, list(graph.input), list(graph.output), initializers
    )
    return helper.make_model(
        quantized,
        opset_imports=list(model.opset_import),
        ir_version=model.ir_version,
        producer_name=model.producer_name,
    )


def _rewrite_node(node: onnx.NodeProto, rewrite: _Rewrite) -> None:
    if node.op_type == "Gather" and _is_large_table(node, rewrite):
        rewrite.embedding(node)
        return
    if node.op_type in ("MatMul", "Gemm") and node.input[1] in rewrite.weights:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[1] = rewrite.matrix(node.input[1], channel_axis=0 if transposed else 1)
        rewrite.nodes.append(copy)
        return
    rewrite.nodes.append(node)


def _is_large_table(node: onnx.NodeProto, rewrite: _Rewrite) -> bool:
    table = rewrite.weights.get(node.input[0])
    large = table is not None and np.prod(table.dims) >= MIN_EMBEDDING_ELEMENTS
    return bool(large) and _axis(node) == 0


def _axis(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "axis"), 0)


def _cast(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=TensorProto.FLOAT)


def _quantized(weight: Float32s, axis: int) -> tuple[npt.NDArray[np.int8], Float32s]:
    """int8 values and a scale per channel, which is what remains when `axis` is reduced."""
    scale = (np.abs(weight).max(axis=axis, keepdims=True) / 127).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale
