"""int8_dynamic: onnxruntime's own dynamic quantization, one activation scale per batch.

A text's answer depends on the texts it shares a batch with. The scheme is here to compare with, and
for who needs what other tools publish; int8_token does the same work with a scale per token.
"""

import logging
import tempfile
from pathlib import Path

import onnx
import onnx_ir as ir
from onnxruntime.quantization import QuantType, quantize_dynamic

from export.quantization.graph_rewrite import GraphRewrite
from export.quantization.int8_storage import replace_lookup


def int8_dynamic(model: onnx.ModelProto, weight_bits: int) -> onnx.ModelProto:
    """The model with products by quantize_dynamic, weights of 7 or 8 bits per output channel.

    Bodies of loops stay in fp32: it loses the order of nodes where they read an outer activation.

    Weights of 7 bits cannot overflow on x86 before VNNI (see int8_token).
    """
    prepared = _with_plain_weights(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        logging.disable(logging.WARNING)  # it advises a pre-processing that optimize has done
        try:
            quantize_dynamic(
                prepared,
                path,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=weight_bits == 7,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        return _in_order(onnx.load(path))


def _with_plain_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    # quantize_dynamic does not see through the Transpose of a shared table.
    rewrite = GraphRewrite(model)
    for product in rewrite.products():
        if product.node.op_type == "MatMul" and product.transposed:
            matrix = rewrite.constant(f"{product.name}/weight", product.matrix)
            product.node.replace_input_with(1, matrix)
    for lookup in rewrite.lookups():
        replace_lookup(rewrite, lookup)
    return rewrite.finish()


def _in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    # quantize_dynamic sorts nodes by their inputs, but not by what their bodies read.
    del model.graph.value_info[:]  # as the pass optimize leaves graphs
    sortable: ir.Model = ir.from_proto(model)
    sortable.graph.sort()
    return ir.to_proto(sortable)
