"""A scikit-learn text pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

import numpy as np
import onnx
from sklearn.pipeline import Pipeline

from export.ai_label import ai_index
from export.inference import Feeds, Float32s
from export.recipe import Recipe, SklearnSource
from export.sklearn_text.lexical import load_weights
from export.sklearn_text.sklearn_to_onnx import sklearn_to_onnx
from export.sources.source import SourceModel
from registry.manifest import InputSpec, Normalizer, OutputSpec

LEXICAL_SUFFIX = ".safetensors"
# What training data calls a text that is not AI's, and one that is.
_NUMBERED = (("0", "1"), ("False", "True"))


@dataclass(frozen=True)
class SklearnText(SourceModel):
    """A fitted pipeline of texts to two classes, the one in `ai_column` being AI."""

    name: str
    pipeline: Pipeline
    normalizer: Normalizer
    ai_column: int

    @classmethod
    def load(cls, recipe: Recipe, source: SklearnSource) -> Self:
        """The pipeline of the recipe's weights. Raises RecipeError."""
        path = recipe.folder / source.weights
        pipeline = _pipeline(path)
        column = _ai_column(pipeline, source.ai_label)
        return cls(recipe.model_id, pipeline, recipe.input.normalizer, column)

    @property
    def reference(self) -> str:
        """scikit-learn and its version."""
        return f"scikit-learn {version('scikit-learn')}"

    @property
    def input(self) -> InputSpec:
        """The text itself."""
        return InputSpec(kind="text", normalizer=self.normalizer)

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
        probabilities = self.pipeline.predict_proba(list(feeds["text"]))
        return np.asarray(probabilities[:, self.ai_column], dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through skl2onnx."""
        return sklearn_to_onnx(
            self.pipeline, self.name, normalizer=self.normalizer, ai_column=self.ai_column
        )


def _pipeline(path: Path) -> Pipeline:
    if path.suffix == LEXICAL_SUFFIX:
        return load_weights(path)
    # Imported here: skops imports all of scikit-learn, which takes seconds.
    from export.sklearn_text.skops_pipeline import load_pipeline

    return load_pipeline(path)


def _ai_column(pipeline: Pipeline, ai_label: str | int | None) -> int:
    first, second = (str(label) for label in pipeline.classes_)
    if ai_label is None and (first, second) in _NUMBERED:
        return 1
    return ai_index((first, second), ai_label)
