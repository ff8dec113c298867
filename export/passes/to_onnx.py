"""to_onnx: the loaded model as a graph, with its weights as they are."""

from dataclasses import dataclass

import onnx

from export.passes.load import LoadedModel


@dataclass(frozen=True)
class Graph:
    """A graph that no pass has looked into yet."""

    loaded: LoadedModel
    model: onnx.ModelProto


def to_onnx(loaded: LoadedModel) -> Graph:
    """Convert. Raises ConversionError."""
    return Graph(loaded, loaded.source.to_onnx())
