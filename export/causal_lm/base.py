"""A causal language model with everything that is needed to score texts with it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from transformers import PreTrainedModel

from export.causal_lm.location import find_weights
from export.causal_lm.tokenizer import special_tokens, tokenizer_json
from export.causal_lm.weights import load_model
from registry.manifest import SpecialTokens


@dataclass(frozen=True)
class CausalLM:
    """The model in fp32, its tokenizer.json, how windows are framed, and its GGUF file if any."""

    model: PreTrainedModel
    tokenizer: bytes
    special_tokens: SpecialTokens
    gguf: Path | None

    @classmethod
    def load(cls, base: str, relative_to: Path = Path()) -> Self:
        """Load `package:NAME`, a .gguf file, or a folder. Raises RecipeError, ConversionError."""
        files = find_weights(base, relative_to)
        tokenizer = tokenizer_json(files)
        model = load_model(files)
        special = special_tokens(tokenizer, model.config.bos_token_id)
        return cls(model, tokenizer, special, files.gguf)
