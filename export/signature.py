"""What a graph reads and gives, held against what its source declares."""

import onnx
from onnx import TensorProto

from export.errors import ConversionError
from registry.manifest import InputSpec, OutputSpec

_TOKEN_INPUTS = ("input_ids", "attention_mask")


def require_signature(
    model: onnx.ModelProto, spec: InputSpec, outputs: tuple[OutputSpec, ...]
) -> None:
    """Names, types and number of dimensions. Raises ConversionError saying both sides."""
    _require_same("reads", _expected_inputs(spec), _described(model.graph.input))
    declared = {output.name: f"{output.dtype}, {len(output.shape)}-d" for output in outputs}
    _require_same("gives", declared, _described(model.graph.output))


def _expected_inputs(spec: InputSpec) -> dict[str, str]:
    if spec.kind == "text":
        return {"text": "string, 1-d"}
    prefixes = ("", *(f"{companion.name}_" for companion in spec.companions))
    return {f"{prefix}{name}": "int64, 2-d" for prefix in prefixes for name in _TOKEN_INPUTS}


def _described(values: "list[onnx.ValueInfoProto]") -> dict[str, str]:
    return {value.name: _type(value.type.tensor_type) for value in values}


def _type(tensor: onnx.TypeProto.Tensor) -> str:
    name = TensorProto.DataType.Name(tensor.elem_type).lower()
    return f"{'float32' if name == 'float' else name}, {len(tensor.shape.dim)}-d"


def _require_same(verb: str, expected: dict[str, str], found: dict[str, str]) -> None:
    if expected != found:
        raise ConversionError(f"the graph {verb} {found}; its source declares {expected}")
