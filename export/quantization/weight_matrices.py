"""The weight matrices of a graph, and the nodes that multiply or look up with them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

# Below this a weight is a bias or a norm: nothing to save, precision to lose.
MIN_ELEMENTS = 4096
# Position and type embeddings are small and enter every token: in int8 they cost most of the drift.
MIN_EMBEDDING_ELEMENTS = 1_000_000
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WeightProduct:
    """x [..., K] times a constant matrix [K, N], plus the bias [N] of a Gemm.

    `weight` is an initializer; where `transposed`, it holds [N, K].
    """

    node: ir.Node
    weight: ir.Value
    transposed: bool

    @property
    def name(self) -> str:
        """The name of the node's output."""
        return value_name(self.node.outputs[0])

    @property
    def x(self) -> ir.Value:
        """The activation, as the node reads it now."""
        return _present(self.node.inputs[0])

    @property
    def bias(self) -> ir.Value | None:
        """The third input of a Gemm."""
        return self.node.inputs[2] if len(self.node.inputs) > 2 else None

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

    @property
    def indices(self) -> ir.Value:
        """The rows to take, as the node reads them now."""
        return _present(self.node.inputs[1])


def value_name(value: ir.Value) -> str:
    """The name that every value of a serialized model has."""
    assert value.name is not None  # noqa: S101
    return value.name


def constant_array(value: ir.Value) -> Float32s:
    """The contents of an initializer of floats."""
    assert value.const_value is not None  # noqa: S101 (initializers have one)
    return np.asarray(value.const_value.numpy(), dtype=np.float32)


def is_float_constant(value: ir.Value) -> bool:
    """Whether it is an initializer of float32 that no caller can feed."""
    tensor = value.const_value if value.is_initializer() else None
    return tensor is not None and tensor.dtype == ir.DataType.FLOAT and not value.is_graph_input()


def _present(value: ir.Value | None) -> ir.Value:
    assert value is not None  # noqa: S101 (the operator requires this input)
    return value


def weight_product(node: ir.Node) -> WeightProduct | None:
    """The product with a matrix of MIN_ELEMENTS or more that the node is, if it is one."""
    if node.domain or node.op_type not in ("MatMul", "Gemm"):
        return None
    weight, transposed = _present(node.inputs[1]), False
    if node.op_type == "Gemm":
        if not _is_plain(node):
            return None
        transposed = node.attributes.get_int("transB", 0) == 1
    elif (table := _transposed_table(weight)) is not None:
        weight, transposed = table, True
    return WeightProduct(node, weight, transposed) if _is_weight(weight, MIN_ELEMENTS) else None


def _is_plain(gemm: ir.Node) -> bool:
    factors = {gemm.attributes.get_float(name, 1.0) for name in ("alpha", "beta")}
    return factors == {1.0} and gemm.attributes.get_int("transA", 0) == 0


def _transposed_table(value: ir.Value) -> ir.Value | None:
    # A head that shares its table with the embedding reads it through a Transpose.
    node = value.producer()
    if node is None or node.op_type != "Transpose":
        return None
    return node.inputs[0] if node.attributes.get_ints("perm", (1, 0)) == (1, 0) else None


def weight_lookup(node: ir.Node) -> WeightLookup | None:
    """The lookup in a table of MIN_EMBEDDING_ELEMENTS or more that the node is, if it is one."""
    if node.domain or node.op_type != "Gather" or node.attributes.get_int("axis", 0) != 0:
        return None
    table = _present(node.inputs[0])
    return WeightLookup(node, table) if _is_weight(table, MIN_EMBEDDING_ELEMENTS) else None


def _is_weight(value: ir.Value, elements: int) -> bool:
    tensor = value.const_value
    return (
        is_float_constant(value)
        and tensor is not None
        and len(tensor.shape) == 2
        and tensor.size >= elements
    )
