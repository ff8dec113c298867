"""What every kind of source offers: its own answer, and a graph that should give the same."""

from collections.abc import Mapping
from typing import Protocol

import onnx

from export.inference import Feeds, Float32s
from registry.manifest import InputSpec, OutputSpec


class SourceModel(Protocol):
    """A model in the framework that it comes from."""

    @property
    def reference(self) -> str:
        """The framework whose probabilities are the reference, with its version."""
        ...

    @property
    def input(self) -> InputSpec:
        """What the graph will be fed with."""
        ...

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """What the graph will give, `probability` first."""
        ...

    @property
    def tokenizers(self) -> Mapping[str, bytes]:
        """The tokenizer files by name; none for models that read text."""
        ...

    def run(self, feeds: Feeds) -> Float32s:
        """The framework's own probabilities of one batch, float32[N]."""
        ...

    def to_onnx(self) -> onnx.ModelProto:
        """The model as a graph, with its weights as they are. Raises ConversionError."""
        ...
