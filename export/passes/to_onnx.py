"""to_onnx: the loaded model as a graph, serialised the same way every time."""

from dataclasses import dataclass

import onnx

from export.passes.load import LoadedModel
from export.sklearn_to_onnx import sklearn_to_onnx


@dataclass(frozen=True)
class Graph:
    """model.onnx, as bytes."""

    loaded: LoadedModel
    content: bytes


def to_onnx(loaded: LoadedModel) -> Graph:
    """Convert and check against the ONNX specification. Raises ConversionError."""
    model = sklearn_to_onnx(loaded.pipeline, loaded.recipe.model_id)
    onnx.checker.check_model(model)
    return Graph(loaded, model.SerializeToString(deterministic=True))
