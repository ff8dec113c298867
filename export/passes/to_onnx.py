"""to_onnx: the loaded model as a graph, with its weights as they are."""

from dataclasses import dataclass

import onnx

from export.passes.load import LoadedModel
from export.signature import require_signature


@dataclass(frozen=True)
class Graph:
    """A graph in memory. Making one raises ConversionError unless it reads and gives what is said.

    It is what to_onnx and optimize give, and what optimize and quantize require.
    """

    loaded: LoadedModel
    model: onnx.ModelProto

    def __post_init__(self) -> None:
        source = self.loaded.source
        require_signature(self.model, source.input, source.outputs)


def to_onnx(loaded: LoadedModel) -> Graph:
    """Convert. Raises ConversionError."""
    return Graph(loaded, loaded.source.to_onnx())
