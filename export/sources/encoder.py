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
from registry.manifest import TOKENIZER_FILE, InputSpec, OutputSpec, SpecialTokens


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
        base, weights = load_base(source.base), recipe.folder / source.weights
        try:
            tensors = load_file(weights)
            head = LinearHead(*(tensors[f"head.{name}"] for name in ("mean", "weight", "bias")))
        except (SafetensorError, KeyError, OSError) as exc:
            raise RecipeError(f"{weights} does not hold an encoder's head: {exc!r}") from exc
        spec = InputSpec(
            kind="tokens",
            normalizer=recipe.input.normalizer,
            max_tokens=recipe.input.max_tokens,
            window=recipe.input.window,
            special_tokens=SpecialTokens(prefix=base.prefix, suffix=base.suffix, pad=base.pad),
        )
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
        content: str = self.base.tokenizer.to_str()
        return {TOKENIZER_FILE: content.encode()}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of one batch of windows, float32[N]."""
        with torch.inference_mode():
            ids = torch.from_numpy(feeds["input_ids"])
            mask = torch.from_numpy(feeds["attention_mask"])
            return np.asarray(self.module(ids, mask).numpy(), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return torch_to_onnx(self.module, ("probability",))
