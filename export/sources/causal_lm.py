"""A causal language model as a scorer, with a calibrated head in the graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

import numpy as np
import onnx
import torch

from export.causal_lm.base import CausalLM
from export.causal_lm.head import ScoringHead
from export.causal_lm.scoring import PROBABILITY, TOKEN_LOG_PROBABILITIES, Scorer
from export.inference import Feeds, Float32s
from export.recipe import CausalLMSource, Recipe
from export.sources.source import SourceModel
from registry.manifest import TOKENIZER_FILE, InputSpec, OutputSpec


@dataclass(frozen=True)
class CausalLMScorer(SourceModel):
    """Scorer in fp32."""

    scorer: Scorer
    tokenizer: bytes
    spec: InputSpec

    @classmethod
    def load(cls, recipe: Recipe, source: CausalLMSource) -> Self:
        """Base and head. Raises RecipeError."""
        head = ScoringHead.load(recipe.folder / source.weights)
        base = CausalLM.load(source.base, recipe.folder)
        scorer = Scorer(base.model, (PROBABILITY, TOKEN_LOG_PROBABILITIES), head)
        return cls(scorer.eval(), base.tokenizer, recipe.token_input(base.special_tokens))

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
        """The probability, and how likely each token was; an extra one is for highlighting."""
        return (
            OutputSpec(name=PROBABILITY, dtype="float32", shape=("N",)),
            OutputSpec(name=TOKEN_LOG_PROBABILITIES, dtype="float32", shape=("N", "T-1")),
        )

    @property
    def tokenizers(self) -> Mapping[str, bytes]:
        """The base's."""
        return {TOKENIZER_FILE: self.tokenizer}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of one batch of windows, float32[N]."""
        ids, mask = (torch.from_numpy(feeds[name]) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            probability, _ = self.scorer(ids, mask)
        return np.asarray(probability.numpy(), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return self.scorer.to_onnx()
