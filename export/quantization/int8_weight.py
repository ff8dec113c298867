"""int8_weight: weights as int8 with a float scale per channel, multiplied in fp32.

Cast and Mul stand in the graph instead of DequantizeLinear, which onnxruntime fuses with a MatMul
natively but not in WebAssembly: then the two would compute different numbers.
"""

import onnx
import onnx_ir as ir

from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.int8_storage import int8_matrix, replace_lookup
from export.quantization.weight_matrices import WeightProduct, value_name


def int8_weight(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with matrices per output channel, and embeddings per row, in int8."""
    rewrite = GraphRewrite(model)
    for product in rewrite.products():
        rewrite.replace_product(product, _fp32_product(rewrite, product))
    for lookup in rewrite.lookups():
        replace_lookup(rewrite, lookup)
    return rewrite.finish()


def _fp32_product(rewrite: GraphRewrite, product: WeightProduct) -> ir.Value:
    int8 = int8_matrix(rewrite, product)
    name = value_name(int8.values)
    wide = rewrite.prepare("Cast", (int8.values,), f"{name}_wide", to=ir.DataType.FLOAT.value)
    matrix = rewrite.prepare("Mul", (wide, int8.scale), f"{name}_fp32")
    return rewrite.insert(product.node, "MatMul", (product.x, matrix), f"{product.name}/product")
