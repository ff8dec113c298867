"""A scikit-learn text pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

import numpy as np
import onnx
from sklearn.pipeline import Pipeline

from export.inference import Feeds, Float32s
from export.recipe import Recipe, SklearnSource
from export.sklearn_text.lexical import load_weights
from export.sklearn_text.sklearn_to_onnx import sklearn_to_onnx
from export.sources.source import SourceModel
from registry.manifest import InputSpec, OutputSpec


@dataclass(frozen=True)
class SklearnText(SourceModel):
    """A fitted pipeline of norm-1 texts."""

    name: str
    pipeline: Pipeline
    normalizer: str

    @classmethod
    def load(cls, recipe: Recipe, source: SklearnSource) -> Self:
        """The pipeline of the recipe's weights. Raises RecipeError."""
        pipeline = load_weights(recipe.folder / source.weights)
        return cls(recipe.model_id, pipeline, recipe.input.normalizer)

    @property
    def reference(self) -> str:
        """scikit-learn and its version."""
        return f"scikit-learn {version('scikit-learn')}"

    @property
    def input(self) -> InputSpec:
        """The text itself."""
        return InputSpec.model_validate({"kind": "text", "normalizer": self.normalizer})

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """The probability alone."""
        return (OutputSpec(name="probability", dtype="float32", shape=("N",)),)

    @property
    def tokenizers(self) -> Mapping[str, bytes]:
        """None: the graph tokenises."""
        return {}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of feeds["text"], float32[N]."""
        return np.asarray(self.pipeline.predict_proba(list(feeds["text"]))[:, 1], dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through skl2onnx."""
        return sklearn_to_onnx(self.pipeline, self.name)
