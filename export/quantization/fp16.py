"""fp16: weights and matrix products in half precision, after the rules of torch.autocast.

Products run in half. What rearranges them, or combines them with each other and with constants,
stays in half. All else is fp32: norms, softmax, masks, the residual stream, bodies of loops, and
what comes after the last product with a weight matrix (pooling, head, sigmoid).
Source: the op lists of torch.amp, https://docs.pytorch.org/docs/stable/amp.html
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx_ir as ir

from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.weight_matrices import (
    WeightLookup,
    WeightProduct,
    constant_array,
    is_float_constant,
    value_name,
)

ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Gelu", "Relu", "Tanh", "Erf", "Concat"})
# Only their first input is computed with; the others are shapes and axes.
LAYOUT = frozenset({"Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Expand"})
LARGEST_HALF = float(np.finfo(np.float16).max)
HALF, FULL = ir.DataType.FLOAT16.value, ir.DataType.FLOAT.value


def fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its weight matrices stored, and outside of loops multiplied, in half."""
    rewrite = GraphRewrite(model)
    products = {product.node: product for product in rewrite.products()}
    lookups = {lookup.node: lookup for lookup in rewrite.lookups()}
    before_last = _ancestors([node for node in products if not rewrite.in_body(node)])
    autocast = _Autocast(rewrite)
    for node in rewrite.nodes:
        if node in products:
            autocast.multiply(products[node])
        elif node in lookups:
            autocast.look_up(lookups[node])
        elif node in before_last:
            autocast.keep_in_half(node)
    return rewrite.finish()


def _ancestors(nodes: list[ir.Node]) -> set[ir.Node]:
    found: set[ir.Node] = set()
    while nodes:
        node = nodes.pop()
        if node not in found:
            found.add(node)
            producers = (value.producer() for value in node.inputs if value is not None)
            nodes += [producer for producer in producers if producer is not None]
    return found


@dataclass
class _Autocast:
    """Replaces nodes by nodes in half whose output is cast to fp32, in the graph's order.

    The next node in half reads what stands before that cast, which goes when nobody else reads it.
    """

    rewrite: GraphRewrite
    _in_half: dict[ir.Value, ir.Value] = field(default_factory=dict)
    _narrowed: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def multiply(self, product: WeightProduct) -> None:
        """In half, but in a loop's body with the weight cast to fp32."""
        node, weight = product.node, self._weight(product)
        if self.rewrite.in_body(node):
            name = f"{value_name(weight)}_wide"
            wide = self.rewrite.prepare("Cast", (weight,), name, to=FULL)
            inputs = (product.x, wide)
            value = self.rewrite.insert(node, "MatMul", inputs, f"{product.name}/product")
            self.rewrite.replace_product(product, value)
            return
        inputs = (self._half(product.x, node), weight)
        value = self.rewrite.insert(node, "MatMul", inputs, f"{product.name}/half_product")
        if product.bias is not None:
            inputs = (value, self._half(product.bias, node))
            value = self.rewrite.insert(node, "Add", inputs, f"{product.name}/half")
        self._replace(node, value)

    def look_up(self, lookup: WeightLookup) -> None:
        """Rows of half, cast to fp32: they start the residual stream."""
        inputs = (self._constant(lookup.table), lookup.indices)
        name = f"{value_name(lookup.node.outputs[0])}/half"
        rows = self.rewrite.insert(lookup.node, "Gather", inputs, name, axis=0)
        wide = self.rewrite.insert(lookup.node, "Cast", (rows,), f"{name}_wide", to=FULL)
        self.rewrite.replace(lookup.node, wide)

    def keep_in_half(self, node: ir.Node) -> None:
        """Where it works on nothing but what is in half already."""
        if not self._stays_in_half(node):
            return
        computed = 1 if node.op_type in LAYOUT else len(node.inputs)
        values = [value for value in node.inputs if value is not None]
        inputs = [self._half(value, node) for value in values[:computed]] + values[computed:]
        name = f"{value_name(node.outputs[0])}/half"
        attributes = {name: attribute.value for name, attribute in node.attributes.items()}
        self._replace(
            node, self.rewrite.insert(node, node.op_type, tuple(inputs), name, **attributes)
        )

    def _stays_in_half(self, node: ir.Node) -> bool:
        known = [value in self._in_half for value in node.inputs]
        if node.domain or None in node.inputs or not any(known):
            return False
        if node.op_type in LAYOUT:
            return known[0]
        fits = [self._fits(value) for value in node.inputs]
        return node.op_type == "MatMul" or (node.op_type in ELEMENTWISE and all(fits))

    def _fits(self, value: ir.Value | None) -> bool:
        if value is None or value in self._in_half:
            return value is not None
        return is_float_constant(value) and bool(
            np.all(np.abs(constant_array(value)) <= LARGEST_HALF)
        )

    def _replace(self, node: ir.Node, half: ir.Value) -> None:
        wide = self.rewrite.insert(node, "Cast", (half,), f"{half.name}_wide", to=FULL)
        self.rewrite.replace(node, wide)
        self._in_half[wide] = half

    def _half(self, value: ir.Value, before: ir.Node) -> ir.Value:
        if value in self._in_half:
            return self._in_half[value]
        if is_float_constant(value):
            return self._constant(value)
        if value not in self._narrowed:
            name = f"{value_name(value)}/narrow"
            self._narrowed[value] = self.rewrite.insert(before, "Cast", (value,), name, to=HALF)
        return self._narrowed[value]

    def _weight(self, product: WeightProduct) -> ir.Value:
        stored = self._constant(product.weight)
        if not product.transposed:
            return stored
        name = f"{value_name(stored)}_transposed"
        return self.rewrite.prepare("Transpose", (stored,), name, perm=[1, 0])

    def _constant(self, value: ir.Value) -> ir.Value:
        name = f"{value_name(value)}/half"
        return self.rewrite.constant(name, constant_array(value).astype(np.float16))
