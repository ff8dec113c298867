"""int8_token: integer products, with one activation scale per token.

    scale = max |x| / 127                          float32, per token
    limb  = round(x / scale) + 128                 uint8
    x @ W ≈ ((limb - 128) @ W_int8) * W_scale * scale

A scale per token, not per tensor, makes an answer independent of batch-mates. 14 bits are two limbs
of 7 bits, of which the second holds what rounding the first left over.
Source of scales per token: ZeroQuant (Yao et al. 2022), LLM.int8() (Dettmers et al. 2022).
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import onnx
import onnx_ir as ir

from export.quantization.graph_rewrite import Attribute, GraphRewrite
from export.quantization.int8_storage import int8_matrix, replace_lookup
from export.quantization.weight_matrices import WeightProduct

# A token of zeros has no scale of its own.
SMALLEST_SCALE = 1e-10


def int8_token(model: onnx.ModelProto, weight_bits: int, activation_bits: int) -> onnx.ModelProto:
    """The model with weights of 7 or 8 bits times activations of 8, or of 14 in two limbs.

    x86 before VNNI adds two products of uint8 and int8 in 16 bits, where 8 bits by 8 overflow and
    give wrong numbers. Weights of 7 bits fit there, and so do limbs of 7.
    """
    rewrite = GraphRewrite(model)
    integers = _IntegerProducts(rewrite, weight_bits, two_limbs=activation_bits == 14)
    for product in rewrite.products():
        rewrite.replace_product(product, integers.product(product))
    for lookup in rewrite.lookups():
        replace_lookup(rewrite, lookup)
    return rewrite.finish()


@dataclass(frozen=True)
class _Activation:
    """Limbs uint8[..., K] and scale float32[..., 1] of an activation x.

    x = ((high - zero) + (low - zero) / (2 * top)) * scale, without low where there is one limb.
    """

    scale: ir.Value
    high: ir.Value
    low: ir.Value | None


@dataclass
class _IntegerProducts:
    """Builds products; an activation is quantized once, however many of them read it."""

    rewrite: GraphRewrite
    weight_bits: int
    two_limbs: bool
    _activations: dict[tuple[ir.Value, object], _Activation] = field(default_factory=dict)

    def product(self, product: WeightProduct) -> ir.Value:
        """The product float32[..., N], without the bias."""
        key = (product.x, product.node.graph)
        if key not in self._activations:
            self._activations[key] = self._activation(product)
        x = self._activations[key]
        matrix = int8_matrix(self.rewrite, product, self.weight_bits)
        total = self._limb_product(product, x.high, matrix.values, "high")
        if x.low is not None:
            low = self._limb_product(product, x.low, matrix.values, "low")
            low = self._op(product, "Mul", (low, self._float(1 / (2 * self._top))), "low_share")
            total = self._op(product, "Add", (total, low), "limbs")
        scaled = self._op(product, "Mul", (total, matrix.scale), "scaled")
        return self._op(product, "Mul", (scaled, x.scale), "product")

    def _activation(self, product: WeightProduct) -> _Activation:
        # QuantizeLinear takes one scale per row of [tokens, K]. It is one pass over the activation,
        # where Div, Round, Add and Cast would be four.
        op, x, width = partial(self._op, product), product.x, product.matrix.shape[0]
        scale = self._scale(product)
        shape = op("Shape", (x,), "shape")
        rows = op("Reshape", (x, self._ints(-1, width)), "rows")
        row_scale = op("Reshape", (scale, self._ints(-1)), "row_scale")
        zeros = op("Expand", (self._zero, op("Shape", (row_scale,), "tokens")), "zeros")
        high = op("QuantizeLinear", (rows, row_scale, zeros), "high_rows", axis=0)
        low = None
        if self.two_limbs:
            rounded = op("DequantizeLinear", (high, row_scale, zeros), "rounded", axis=0)
            rest = op("Sub", (rows, rounded), "rest")
            rest_scale = op("Mul", (row_scale, self._float(1 / (2 * self._top))), "rest_scale")
            low = op("QuantizeLinear", (rest, rest_scale, zeros), "low_rows", axis=0)
            low = op("Reshape", (low, shape), "low_limb")
        return _Activation(scale, op("Reshape", (high, shape), "high_limb"), low)

    def _scale(self, product: WeightProduct) -> ir.Value:
        size = self._op(product, "Abs", (product.x,), "size")
        peak = self._op(product, "ReduceMax", (size, self._ints(-1)), "peak", keepdims=1)
        scale = self._op(product, "Mul", (peak, self._float(1 / self._top)), "peak_scale")
        return self._op(product, "Max", (scale, self._float(SMALLEST_SCALE)), "scale")

    def _limb_product(
        self, product: WeightProduct, limb: ir.Value, weight: ir.Value, part: str
    ) -> ir.Value:
        total = self._op(product, "MatMulInteger", (limb, weight, self._zero), f"{part}_int32")
        return self._op(product, "Cast", (total,), part, to=ir.DataType.FLOAT.value)

    @property
    def _top(self) -> int:
        # The largest size of a whole number in a limb; zero is stored as one more.
        return 63 if self.two_limbs else 127

    @property
    def _zero(self) -> ir.Value:
        return self.rewrite.constant("int8_token/zero", np.array(self._top + 1, np.uint8))

    def _ints(self, *values: int) -> ir.Value:
        return self.rewrite.constant(f"int8_token/{list(values)}", np.array(values))

    def _float(self, value: float) -> ir.Value:
        return self.rewrite.constant(f"int8_token/{value:.6g}", np.array(value, np.float32))

    def _op(
        self,
        product: WeightProduct,
        operator: str,
        inputs: tuple[ir.Value, ...],
        part: str,
        **attributes: Attribute,
    ) -> ir.Value:
        name = f"{product.name}/{part}"
        return self.rewrite.insert(product.node, operator, inputs, name, **attributes)
