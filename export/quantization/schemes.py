"""The function that rewrites a graph, for each quantization scheme."""

from collections.abc import Callable, Mapping

import onnx

from export.errors import ConversionError
from export.quantization.fp16 import fp16
from export.quantization.int8_dynamic import int8_dynamic
from export.quantization.int8_token import int8_token
from export.quantization.int8_weight import int8_weight
from export.quantization.nbits import nbits
from registry.manifest import Quantization, QuantizationScheme


def _int8_token(model: onnx.ModelProto, quantization: Quantization) -> onnx.ModelProto:
    assert quantization.activation_bits is not None  # noqa: S101 (Quantization checks it)
    return int8_token(model, quantization.bits, quantization.activation_bits)


SCHEMES: Mapping[QuantizationScheme, Callable[[onnx.ModelProto, Quantization], onnx.ModelProto]] = {
    QuantizationScheme.FP32: lambda model, _: model,
    QuantizationScheme.FP16: lambda model, _: fp16(model),
    QuantizationScheme.INT8_WEIGHT: lambda model, _: int8_weight(model),
    QuantizationScheme.NBITS8: lambda model, _: nbits(model, bits=8),
    QuantizationScheme.NBITS4: lambda model, _: nbits(model, bits=4),
    QuantizationScheme.INT8_TOKEN: _int8_token,
    QuantizationScheme.INT8_DYNAMIC: lambda model, chosen: int8_dynamic(model, chosen.bits),
}


def quantized(model: onnx.ModelProto, quantization: Quantization) -> onnx.ModelProto:
    """The model as its scheme stores and multiplies it. Raises ConversionError."""
    if quantization.scheme not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise ConversionError(f"no scheme {quantization.scheme}; there is {known}")
    return SCHEMES[quantization.scheme](model, quantization)
