"""gguf_exact: a graph whose weights are the GGUF file's own blocks, not a rounding of them.

A matrix in Q4_1, weight = value * scale + minimum, is multiplied in two parts: MatMulNBits
(com.microsoft) multiplies (value - 8) * scale without unpacking it, and the middles, minimum + 8 *
scale, one for 32 weights, multiply the sums of 32 inputs. Middles are small where minima are as
large as the weights, so that the two parts lose nothing to each other when they are added.
MatMulNBits also takes a fractional zero point, but then unpacks the whole matrix at every run:
0.2 s of a processor for a short text.

What is in Q8_0, such as the table of the vocabulary, becomes fp32 when onnxruntime loads the graph.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from export.errors import ConversionError
from export.quantization.gguf_blocks import BLOCK, EightBitBlocks, FourBitBlocks, GgufRows
from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.nbits import FP32_PRODUCT
from export.quantization.weight_matrices import (
    WeightLookup,
    WeightProduct,
    constant_array,
    value_name,
)

FLOAT = ir.DataType.FLOAT.value
ZERO_POINT = 8


def gguf_exact(model: onnx.ModelProto, gguf: Path) -> onnx.ModelProto:
    """The model with every matrix as the blocks of this file.

    Raises:
        ConversionError: a matrix is not in the file, or not in Q4_1 or Q8_0.
    """
    return _Repacking(GraphRewrite(model), GgufRows(gguf)).finish()


class _Repacking:
    """The rewrite under way, and the sums that several products share."""

    def __init__(self, rewrite: GraphRewrite, rows: GgufRows) -> None:
        self._rewrite = rewrite
        self._rows = rows
        self._sums: dict[ir.Value, ir.Value] = {}

    def finish(self) -> onnx.ModelProto:
        """Replace every product and lookup. Raises ConversionError."""
        for product in self._rewrite.products():
            blocks = self._rows.blocks(product.matrix.T, value_name(product.weight))
            match blocks:
                case FourBitBlocks():
                    value = self._product_of_four_bits(product, blocks)
                case EightBitBlocks():
                    value = self._product_of_eight_bits(product, blocks)
            self._rewrite.replace_product(product, value)
        for lookup in self._rewrite.lookups():
            self._replace_lookup(lookup)
        return self._rewrite.finish()

    def _product_of_four_bits(self, product: WeightProduct, blocks: FourBitBlocks) -> ir.Value:
        rewrite, name = self._rewrite, value_name(product.weight)
        channels, count = blocks.scale.shape
        scale = self._fp32(f"{name}/scale", blocks.scale)
        # Without zero points MatMulNBits takes ZERO_POINT.
        inputs = (product.x, rewrite.constant(f"{name}/values", blocks.values), scale)
        shape = {"K": count * BLOCK, "N": channels, "bits": 4, "block_size": BLOCK}
        scaled = rewrite.insert(
            product.node,
            "com.microsoft::MatMulNBits",
            inputs,
            f"{product.name}/scaled",
            **shape,
            accuracy_level=FP32_PRODUCT,
        )
        factors = (self._sums_of_blocks(product), self._middles(name, scale, blocks))
        middles = rewrite.insert(product.node, "MatMul", factors, f"{product.name}/middles")
        return rewrite.insert(product.node, "Add", (scaled, middles), f"{product.name}/product")

    def _middles(self, name: str, scale: ir.Value, blocks: FourBitBlocks) -> ir.Value:
        """Minimum + 8 * scale, float32[K / 32, N]: a sum of halves, which fp32 holds exactly."""
        rewrite = self._rewrite
        zero_point = self._fp32("gguf/zero_point", np.array(ZERO_POINT, np.float16))
        minimum = self._fp32(f"{name}/minimum", blocks.minimum)
        above = rewrite.prepare("Mul", (scale, zero_point), f"{name}/above")
        middle = rewrite.prepare("Add", (minimum, above), f"{name}/middle")
        return rewrite.prepare("Transpose", (middle,), f"{name}/middles", perm=[1, 0])

    def _product_of_eight_bits(self, product: WeightProduct, blocks: EightBitBlocks) -> ir.Value:
        rewrite, name = self._rewrite, value_name(product.weight)
        values, scale = self._stored(name, blocks)
        wide = rewrite.prepare("Cast", (values,), f"{name}/wide", to=FLOAT)
        scaled = rewrite.prepare("Mul", (wide, scale), f"{name}/scaled")
        shape = rewrite.constant(f"{name}/shape", np.array([len(blocks.values), -1]))
        rows = rewrite.prepare("Reshape", (scaled, shape), f"{name}/rows")
        matrix = rewrite.prepare("Transpose", (rows,), f"{name}/columns", perm=[1, 0])
        inputs = (product.x, matrix)
        return rewrite.insert(product.node, "MatMul", inputs, f"{product.name}/product")

    def _replace_lookup(self, lookup: WeightLookup) -> None:
        """Look up blocks and their scales instead of float rows."""
        rewrite, name = self._rewrite, value_name(lookup.table)
        table = constant_array(lookup.table)
        blocks = self._rows.blocks(table, name)
        if isinstance(blocks, FourBitBlocks):
            raise ConversionError(f"{name}: a table that rows are looked up in must be Q8_0")
        found, scale = (
            rewrite.insert(lookup.node, "Gather", (part, lookup.indices), f"{name}/{kind}", axis=0)
            for part, kind in zip(self._stored(name, blocks), ("found", "found_scale"), strict=True)
        )
        wide = rewrite.insert(lookup.node, "Cast", (found,), f"{name}/found_wide", to=FLOAT)
        scaled = rewrite.insert(lookup.node, "Mul", (wide, scale), f"{name}/found_scaled")
        # Rows of ids [N, T].
        shape = rewrite.constant(f"{name}/width", np.array([0, 0, table.shape[1]]))
        rows = rewrite.insert(lookup.node, "Reshape", (scaled, shape), f"{name}/found_rows")
        rewrite.replace(lookup.node, rows)

    def _stored(self, name: str, blocks: EightBitBlocks) -> tuple[ir.Value, ir.Value]:
        values = self._rewrite.constant(f"{name}/values", blocks.values)
        return values, self._fp32(f"{name}/scale", blocks.scale[..., None])

    def _sums_of_blocks(self, product: WeightProduct) -> ir.Value:
        """Sums [..., K / 32] of x [..., K], computed once for all the matrices that it meets."""
        rewrite, x = self._rewrite, product.x
        if x not in self._sums:
            name = value_name(x)
            shape = rewrite.constant("gguf/blocks", np.array([0, 0, -1, BLOCK]))
            last = rewrite.constant("gguf/last", np.array([-1]))
            blocks = rewrite.insert(product.node, "Reshape", (x, shape), f"{name}/blocks")
            self._sums[x] = rewrite.insert(
                product.node, "ReduceSum", (blocks, last), f"{name}/sums", keepdims=0
            )
        return self._sums[x]

    def _fp32(self, name: str, halves: npt.NDArray[np.float16]) -> ir.Value:
        """Stored as in the file, in half; onnxruntime casts it when it loads the graph."""
        stored = self._rewrite.constant(f"{name}/half", halves)
        return self._rewrite.prepare("Cast", (stored,), name, to=FLOAT)
