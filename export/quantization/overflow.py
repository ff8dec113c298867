"""Whether integer products of 8 bits by 8 are right on the CPU that builds."""

import numpy as np
import onnxruntime as ort
from onnx import numpy_helper, parser

from export.errors import ConversionError
from registry.manifest import Quantization

_TERMS, _LARGEST_BYTE, _LARGEST_WEIGHT = 64, 255, 127


def require_right_products(quantization: Quantization) -> None:
    """Refuse 8 bits by 8 where they overflow: golden probabilities would be this CPU's alone.

    Raises:
        ConversionError: saying what else to choose.
    """
    if (quantization.bits, quantization.activation_bits) == (8, 8) and overflows():
        raise ConversionError(
            f"{quantization.scheme} of 8 bits by 8 overflows on this CPU, which adds products in "
            "16 bits: say bits = 7 for an artifact that is right on every CPU, or build on one "
            "with VNNI or the dot product of ARMv8.2"
        )


def overflows() -> bool:
    """Whether onnxruntime adds two products of uint8 and int8 in 16 bits, as x86 before VNNI."""
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 20]> largest (uint8[1, {_TERMS}] x) => '
        "(int32[1, 16] y) { y = MatMulInteger (x, weight) }"
    )
    weight = np.full((_TERMS, 16), _LARGEST_WEIGHT, np.int8)
    model.graph.initializer.append(numpy_helper.from_array(weight, "weight"))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((1, _TERMS), _LARGEST_BYTE, np.uint8)})
    return bool(np.any(found != _TERMS * _LARGEST_BYTE * _LARGEST_WEIGHT))
