"""nbits8, nbits4: weights in 8 or 4 bits with a scale per block of 32, multiplied in fp32.

The product is com.microsoft's MatMulNBits. Its layout, by output channel n and block b:
    W[32 b + i, n] = (q[n, b, i] - zero[n, b]) * scale[n, b]
"""

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.int8_storage import replace_lookup
from export.quantization.weight_matrices import Float32s, WeightProduct, value_name

BLOCK = 32
# accuracy_level 1: fp32. Level 4 would quantize activations too, on the CPUs that can.
FP32_PRODUCT = 1
Bytes = npt.NDArray[np.uint8]


def nbits(model: onnx.ModelProto, bits: int) -> onnx.ModelProto:
    """The model with matrices in blocks of 4 or 8 bits, and embeddings in int8 rows."""
    rewrite = GraphRewrite(model)
    for product in rewrite.products():
        rewrite.replace_product(product, _block_product(rewrite, product, bits))
    for lookup in rewrite.lookups():
        replace_lookup(rewrite, lookup)
    return rewrite.finish()


def quantize_blocks(matrix: Float32s, bits: int) -> tuple[Bytes, Float32s, Bytes]:
    """Whole numbers uint8[N, blocks, 32], scales float32[N, blocks], zeros uint8[N, blocks].

    `matrix` is float32[K, N]; the last block is filled with zeros. Zero is always a whole number.
    """
    inputs, channels = matrix.shape
    padded = np.pad(matrix.T, ((0, 0), (0, -inputs % BLOCK)))
    blocks = padded.reshape(channels, -1, BLOCK)
    low = np.minimum(blocks.min(axis=2, keepdims=True), 0)
    high = np.maximum(blocks.max(axis=2, keepdims=True), 0)
    largest = 2**bits - 1
    scale = (high - low) / np.float32(largest)
    scale[scale == 0] = 1
    zero = np.rint(-low / scale)
    whole = np.clip(np.rint(blocks / scale) + zero, 0, largest)
    return whole.astype(np.uint8), scale[..., 0], zero[..., 0].astype(np.uint8)


def packed(values: Bytes, bits: int) -> Bytes:
    """Numbers of 4 bits two to a byte along the last axis, the first one low; of 8 as they are."""
    if bits == 8:
        return values
    even = np.pad(values, [*[(0, 0)] * (values.ndim - 1), (0, values.shape[-1] % 2)])
    pairs: Bytes = even[..., 0::2] | even[..., 1::2] << np.uint8(4)
    return pairs


def _block_product(rewrite: GraphRewrite, product: WeightProduct, bits: int) -> ir.Value:
    matrix = product.matrix
    whole, scale, zero = quantize_blocks(matrix, bits)
    name = f"{value_name(product.weight)}/nbits{bits}"
    inputs = (
        product.x,
        rewrite.constant(name, packed(whole, bits)),
        rewrite.constant(f"{name}_scale", scale.reshape(-1)),
        rewrite.constant(f"{name}_zero", packed(zero, bits).reshape(-1)),
    )
    return rewrite.insert(
        product.node,
        "com.microsoft::MatMulNBits",
        inputs,
        f"{product.name}/product",
        K=matrix.shape[0],
        N=matrix.shape[1],
        bits=bits,
        block_size=BLOCK,
        accuracy_level=FP32_PRODUCT,
    )
