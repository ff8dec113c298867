"""A pretrained encoder with the pooling of its layers and a calibrated head in the graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

import numpy as np
import onnx
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from export.encoder.base import EncoderBase, load_base
from export.encoder.classifier import EncoderClassifier, LinearHead
from export.errors import RecipeError
from export.inference import Feeds, Float32s
from export.recipe import EncoderSource, Recipe
from export.sources.source import SourceModel
from export.torch_to_onnx import torch_to_onnx
from registry.manifest import TOKENIZER_FILE, InputSpec, OutputSpec


@dataclass(frozen=True)
class Encoder(SourceModel):
    """EncoderClassifier in fp32."""

    name: str
    module: EncoderClassifier
    base: EncoderBase
    spec: InputSpec

    @classmethod
    def load(cls, recipe: Recipe, source: EncoderSource) -> Self:
        """Base and head. Raises RecipeError."""
        assert source.weights is not None  # noqa: S101 (load_source chooses by it)
        weights = recipe.folder / source.weights
        base = load_base(
            source.base,
            max_tokens=recipe.max_tokens,
            relative_to=recipe.folder,
            revision=source.revision,
        )
        try:
            tensors = load_file(weights)
            head = LinearHead(*(tensors[f"head.{name}"] for name in ("mean", "weight", "bias")))
        except (SafetensorError, KeyError, OSError) as exc:
            raise RecipeError(f"{weights} does not hold an encoder's head: {exc!r}") from exc
        spec = recipe.token_input(base.tokenizer.special_tokens)
        return cls(recipe.model_id, EncoderClassifier(base.model, head).eval(), base, spec)

    @property
    def reference(self) -> str:
        """Torch and its version."""
        return f"torch {version('torch')} fp32"

    @property
    def input(self) -> InputSpec:
        """Token ids in windows."""
        return self.spec

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """The probability alone."""
        return (OutputSpec(name="probability", dtype="float32", shape=("N",)),)

    @property
    def tokenizers(self) -> Mapping[str, bytes]:
        """The base's, without truncation and padding."""
        return {TOKENIZER_FILE: self.base.tokenizer.json}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of one batch of windows, float32[N]."""
        with torch.inference_mode():
            ids = torch.from_numpy(feeds["input_ids"])
            mask = torch.from_numpy(feeds["attention_mask"])
            return np.asarray(self.module(ids, mask).numpy(), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return torch_to_onnx(self.module, ("probability",))
