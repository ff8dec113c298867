"""Puts other nodes in the place of those that multiply or look up with a weight matrix.

Nodes inside Loop, If and Scan bodies are found too. New weights go into the outermost graph, which
every body sees.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, RemoveUnusedOpsetsPass

from export.quantization.weight_matrices import (
    WeightLookup,
    WeightProduct,
    weight_lookup,
    weight_product,
)

Attribute = int | float | str | list[int] | ir.TensorProtocol


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
        return (product for node in self.nodes if (product := weight_product(node)) is not None)

    def lookups(self) -> Iterator[WeightLookup]:
        """Every lookup in a table of MIN_EMBEDDING_ELEMENTS or more."""
        return (lookup for node in self.nodes if (lookup := weight_lookup(node)) is not None)

    def in_body(self, node: ir.Node) -> bool:
        """Whether the node is inside of a Loop, If or Scan."""
        return node.graph is not self._model.graph

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
