"""From the features of a text to the probability of AI."""

from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from export.causal_lm.features import FEATURES
from export.errors import RecipeError

# So many tokens count as half the evidence: features of a shorter text are mostly chance.
HALF_EVIDENCE = 10.0


def standardised(features: Tensor, count: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Features float32[N, F] of texts of `count` scored tokens, drawn to 0 where those are few.

    A text without tokens is a text about which nothing is known: it gets the head's bias.
    """
    evidence = count / (count + HALF_EVIDENCE)
    return (features - mean) / scale * evidence.unsqueeze(-1)


class ScoringHead(nn.Module):
    """Logistic head over standardised FEATURES: mean, scale, weight float32[F], bias float32[]."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The head of a recipe's weights. Raises RecipeError."""
        try:
            tensors = load_file(path)
            head = cls(*(tensors[f"head.{name}"] for name in ("mean", "scale", "weight", "bias")))
        except (SafetensorError, KeyError, OSError) as exc:
            raise RecipeError(f"{path} does not hold a scoring head: {exc!r}") from exc
        if head.weight.shape != (len(FEATURES),):
            raise RecipeError(f"{path}: a head over other features than {', '.join(FEATURES)}")
        return head

    def save(self, path: Path) -> None:
        """Write what `load` reads."""
        buffers = self.named_buffers(remove_duplicate=False)
        # Copies: safetensors refuses tensors that share memory.
        tensors = {f"head.{name}": value.clone().contiguous() for name, value in buffers}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial)
        partial.replace(path)

    def forward(self, features: Tensor, count: Tensor) -> Tensor:
        """P(AI) float32[N] of features float32[N, F] of texts of `count` float32[N] tokens."""
        standard = standardised(features, count, self.mean, self.scale)
        return torch.sigmoid((standard * self.weight).sum(-1) + self.bias)
