"""A fine-tuned sequence classifier of transformers, with its own head."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

import numpy as np
import onnx
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from export.encoder.architecture import read_config
from export.encoder.base import load_weights
from export.encoder.location import checkpoint_folder
from export.encoder.log_odds import LogOdds, log_odds
from export.encoder.logits_graph import LOGITS, logits_graph
from export.encoder.probability_graph import probability_graph
from export.encoder.tokenizer import EncoderTokenizer, load_tokenizer
from export.errors import RecipeError
from export.inference import Feeds, Float32s
from export.recipe import EncoderSource, Recipe
from export.sources.source import SourceModel
from registry.manifest import TOKENIZER_FILE, InputSpec, OutputSpec


@dataclass(frozen=True)
class ClassifierCheckpoint(SourceModel):
    """AutoModelForSequenceClassification in fp32, and what makes a probability of its logits."""

    model: PreTrainedModel
    tokenizer: EncoderTokenizer
    odds: LogOdds
    spec: InputSpec

    @classmethod
    def load(cls, recipe: Recipe, source: EncoderSource) -> Self:
        """Read and check the checkpoint. Raises RecipeError."""
        folder = checkpoint_folder(source.base, recipe.folder, source.revision)
        config = read_config(folder, recipe.max_tokens)
        odds = log_odds(config, source.ai_label, source.calibration)
        model, missing = load_weights(AutoModelForSequenceClassification, folder)
        if missing:
            raise RecipeError(
                f"{folder} holds no fine-tuned classifier: {', '.join(missing[:3])} are missing. "
                "An encoder without one needs `weights` of a head in the recipe"
            )
        tokenizer = load_tokenizer(folder)
        return cls(model, tokenizer, odds, recipe.token_input(tokenizer.special_tokens))

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
        """The checkpoint's, without truncation and padding."""
        return {TOKENIZER_FILE: self.tokenizer.json}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of one batch of windows, float32[N]."""
        tensors = {name: torch.from_numpy(value) for name, value in feeds.items()}
        with torch.inference_mode():
            logits = self.model(**tensors).logits
            log_odds = logits @ torch.tensor(self.odds.weight) + self.odds.bias
            return np.asarray(torch.sigmoid(log_odds).numpy(), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Through optimum, or for large models torch.onnx."""
        return probability_graph(logits_graph(self.model), LOGITS, self.odds)
