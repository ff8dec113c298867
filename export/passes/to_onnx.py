"""to_onnx: the loaded model as a graph, with its weights as they are."""

from dataclasses import dataclass

import onnx

from export.passes.load import LoadedModel
from export.signature import require_signature


@dataclass
class Graph:
    """A graph in memory. Making one raises ConversionError unless it reads and gives what is said.

    It is what to_onnx and optimize give, and what optimize and quantize use up.
    """

    loaded: LoadedModel
    model: onnx.ModelProto

    def __post_init__(self) -> None:
        source = self.loaded.source
        require_signature(self.model, source.input, source.outputs)

    def take(self) -> onnx.ModelProto:
        """The model, which this value then holds no longer: two of them may not fit into memory."""
        model, self.model = self.model, onnx.ModelProto()
        return model


def to_onnx(loaded: LoadedModel) -> Graph:
    """Convert. Raises ConversionError."""
    return Graph(loaded, loaded.source.to_onnx())
