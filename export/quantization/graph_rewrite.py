"""Finds what multiplies or looks up with a weight matrix, and puts other nodes in its place.

Nodes inside Loop, If and Scan bodies are found too. New weights go into the outermost graph, which
every body sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, RemoveUnusedOpsetsPass

# Below this a weight is a bias or a norm: nothing to save, precision to lose.
MIN_ELEMENTS = 4096
# Position and type embeddings are small and enter every token: in int8 they cost most of the drift.
MIN_EMBEDDING_ELEMENTS = 1_000_000
Float32s = npt.NDArray[np.float32]
Attribute = int | float | str | list[int] | ir.TensorProtocol


@dataclass(frozen=True)
class WeightProduct:
    """x [..., K] times a constant matrix [K, N], plus the bias [N] of a Gemm.

    `weight` is an initializer; where `transposed`, it holds [N, K].
    """

    node: ir.Node
    x: ir.Value
    weight: ir.Value
    transposed: bool
    bias: ir.Value | None

    @property
    def name(self) -> str:
        """The name of the node's output."""
        return value_name(self.node.outputs[0])

    @property
    def matrix(self) -> Float32s:
        """The weights, float32[K, N]."""
        values = constant_array(self.weight)
        return values.T if self.transposed else values


@dataclass(frozen=True)
class WeightLookup:
    """Rows of the constant table float32[V, D], taken at `indices` int64[...]."""

    node: ir.Node
    table: ir.Value
    indices: ir.Value


class GraphRewrite:
    """A copy of a model, changed node by node."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model: ir.Model = ir.from_proto(model)
        self._first = self._model.graph[0]
        self._prepared: dict[str, ir.Value] = {}

    @property
    def nodes(self) -> tuple[ir.Node, ...]:
        """Every node in order, those of a body right after the node that owns it."""
        return tuple(ir.traversal.RecursiveGraphIterator(self._model.graph))

    def products(self) -> Iterator[WeightProduct]:
        """Every product with a weight matrix of MIN_ELEMENTS or more."""
        return (product for node in self.nodes if (product := _product(node)) is not None)

    def lookups(self) -> Iterator[WeightLookup]:
        """Every lookup in a table of MIN_EMBEDDING_ELEMENTS or more."""
        return (lookup for node in self.nodes if (lookup := _lookup(node)) is not None)

    def constant(self, name: str, array: npt.NDArray[np.generic]) -> ir.Value:
        """The initializer of this name; `array` is stored when it is asked for first."""
        initializers = self._model.graph.initializers
        if name not in initializers:
            tensor = ir.tensor(np.asarray(array, order="C"), name=name)
            self._model.graph.register_initializer(ir.val(name, const_value=tensor))
        return initializers[name]

    def prepare(
        self, operator: str, inputs: tuple[ir.Value, ...], name: str, **attributes: Attribute
    ) -> ir.Value:
        """The output, called `name`, of a node that starts the outermost graph; made once."""
        if name not in self._prepared:
            self._prepared[name] = self.insert(self._first, operator, inputs, name, **attributes)
        return self._prepared[name]

    def insert(
        self,
        before: ir.Node,
        operator: str,
        inputs: tuple[ir.Value, ...],
        name: str,
        **attributes: Attribute,
    ) -> ir.Value:
        """The output, called `name`, of a new node right before that one.

        An operator outside ONNX carries its domain: `com.microsoft::MatMulNBits`.
        """
        domain, _, op_type = operator.rpartition("::")
        node = ir.node(op_type, inputs, attributes=attributes, domain=domain, name=name)
        node.outputs[0].name = name
        assert before.graph is not None  # noqa: S101 (every node of a model is in a graph)
        before.graph.insert_before(before, node)
        if domain:
            self._model.opset_imports.setdefault(domain, 1)
        return node.outputs[0]

    def replace(self, node: ir.Node, value: ir.Value) -> None:
        """Let `value`, inserted before the node, take the place and name of its output."""
        old = node.outputs[0]
        value.shape, value.type = old.shape, old.type
        name = old.name
        old.name = f"{name}/replaced"
        value.name = name
        old.replace_all_uses_with(value, replace_graph_outputs=True)

    def replace_product(self, product: WeightProduct, value: ir.Value) -> None:
        """Let `value` [..., N] take the product's place, after its bias was added."""
        if product.bias is not None:
            inputs = (value, product.bias)
            value = self.insert(product.node, "Add", inputs, f"{product.name}/biased")
        self.replace(product.node, value)

    def finish(self) -> onnx.ModelProto:
        """The model, without the nodes and weights that nothing reads any more."""
        RemoveUnusedNodesPass()(self._model)
        RemoveUnusedOpsetsPass()(self._model)
        return ir.to_proto(self._model)


def value_name(value: ir.Value) -> str:
    """The name that every value of a serialized model has."""
    assert value.name is not None  # noqa: S101
    return value.name


def constant_array(value: ir.Value) -> Float32s:
    """The contents of an initializer of floats."""
    assert value.const_value is not None  # noqa: S101 (initializers have one)
    return np.asarray(value.const_value.numpy(), dtype=np.float32)


def _product(node: ir.Node) -> WeightProduct | None:
    if node.domain or node.op_type not in ("MatMul", "Gemm"):
        return None
    x, weight = node.inputs[0], node.inputs[1]
    transposed, bias = False, None
    if node.op_type == "Gemm":
        if not _is_plain(node):
            return None
        transposed = node.attributes.get_int("transB", 0) == 1
        bias = node.inputs[2] if len(node.inputs) > 2 else None
    elif (table := _transposed_table(weight)) is not None:
        weight, transposed = table, True
    if x is None or weight is None or not _is_weight(weight, MIN_ELEMENTS):
        return None
    return WeightProduct(node, x, weight, transposed, bias)


def _is_plain(gemm: ir.Node) -> bool:
    factors = {gemm.attributes.get_float(name, 1.0) for name in ("alpha", "beta")}
    return factors == {1.0} and gemm.attributes.get_int("transA", 0) == 0


def _transposed_table(value: ir.Value | None) -> ir.Value | None:
    # A head that shares its table with the embedding reads it through a Transpose.
    node = value.producer() if value is not None else None
    return node.inputs[0] if node is not None and node.op_type == "Transpose" else None


def _lookup(node: ir.Node) -> WeightLookup | None:
    if node.domain or node.op_type != "Gather" or node.attributes.get_int("axis", 0) != 0:
        return None
    table, indices = node.inputs
    if table is None or indices is None or not _is_weight(table, MIN_EMBEDDING_ELEMENTS):
        return None
    return WeightLookup(node, table, indices)


def _is_weight(value: ir.Value, elements: int) -> bool:
    fixed = value.is_initializer() and not value.is_graph_input()
    tensor = value.const_value if fixed else None
    return (
        tensor is not None
        and tensor.dtype == ir.DataType.FLOAT
        and len(tensor.shape) == 2
        and tensor.size >= elements
    )
