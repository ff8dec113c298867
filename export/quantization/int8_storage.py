"""Weights as int8 with a float scale per channel, stored once however often they are read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.weight_matrices import (
    Float32s,
    WeightLookup,
    WeightProduct,
    constant_array,
    value_name,
)


@dataclass(frozen=True)
class Int8Matrix:
    """values int8[K, N] and scale float32[N]: the weight is values * scale."""

    values: ir.Value
    scale: ir.Value


def int8_matrix(rewrite: GraphRewrite, product: WeightProduct, bits: int = 8) -> Int8Matrix:
    """The product's matrix, with a scale per output channel."""
    channel_axis = 0 if product.transposed else 1
    values, scale = _stored(rewrite, product.weight, channel_axis, bits)
    name = value_name(values)
    if product.transposed:
        # onnxruntime folds it at load; the file holds one table for embedding and head.
        values = rewrite.prepare("Transpose", (values,), f"{name}_transposed", perm=[1, 0])
    return Int8Matrix(values, rewrite.constant(f"{name}_scale", scale.reshape(-1)))


def replace_lookup(rewrite: GraphRewrite, lookup: WeightLookup, bits: int = 8) -> None:
    """Look up int8 rows and their scales instead of float rows."""
    rows, scale = _stored(rewrite, lookup.table, 0, bits)
    scales = rewrite.constant(f"{value_name(rows)}_row_scale", scale)
    name = value_name(lookup.node.outputs[0])
    found, found_scale = (
        rewrite.insert(lookup.node, "Gather", (table, lookup.indices), f"{name}/{part}", axis=0)
        for table, part in ((rows, "int8"), (scales, "scale"))
    )
    wide = rewrite.insert(lookup.node, "Cast", (found,), f"{name}/wide", to=ir.DataType.FLOAT.value)
    value = rewrite.insert(lookup.node, "Mul", (wide, found_scale), f"{name}/scaled")
    rewrite.replace(lookup.node, value)


def symmetric_int8(
    weight: Float32s, channel_axis: int, bits: int
) -> tuple[npt.NDArray[np.int8], Float32s]:
    """Integers of `bits` bits and their scale per channel, with the other axis kept as 1."""
    largest = 2 ** (bits - 1) - 1
    scale = np.abs(weight).max(axis=1 - channel_axis, keepdims=True) / np.float32(largest)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def _stored(
    rewrite: GraphRewrite, weight: ir.Value, channel_axis: int, bits: int
) -> tuple[ir.Value, Float32s]:
    values, scale = symmetric_int8(constant_array(weight), channel_axis, bits)
    return rewrite.constant(f"{value_name(weight)}/{channel_axis}_int{bits}", values), scale
