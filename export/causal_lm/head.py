"""From the features of a text to the probability of AI."""

from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from export.causal_lm.features import FEATURES
from export.errors import RecipeError
from registry.whole_file import write_whole

# So many tokens count as half the evidence: features of a shorter text are mostly chance.
HALF_EVIDENCE = 10.0
# Standard deviations beyond which a feature says no more: its square would outvote all others.
FARTHEST = 4.0


def standardised(features: Tensor, count: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Features float32[N, F] of texts of `count` scored tokens, drawn to 0 where those are few.

    A text without tokens is a text about which nothing is known: it gets the head's bias.
    """
    evidence = count / (count + HALF_EVIDENCE)
    standard = ((features - mean) / scale).clamp(-FARTHEST, FARTHEST)
    return standard * evidence.unsqueeze(-1)


_TENSORS = ("mean", "scale", "weight", "products", "bias")


class ScoringHead(nn.Module):
    """Logistic head over standardised FEATURES and their products.

    mean, scale, weight float32[F], products float32[F, F], bias float32[]. A text may be likely or
    evenly likely by itself; products say that it is both.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    products: Tensor
    bias: Tensor

    def __init__(
        self, mean: Tensor, scale: Tensor, weight: Tensor, products: Tensor, bias: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("weight", weight)
        self.register_buffer("products", products)
        self.register_buffer("bias", bias)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The head of a recipe's weights. Raises RecipeError."""
        try:
            tensors = load_file(path)
            head = cls(*(tensors[f"head.{name}"] for name in _TENSORS))
        except (SafetensorError, KeyError, OSError) as exc:
            raise RecipeError(f"{path} does not hold a scoring head: {exc!r}") from exc
        width = len(FEATURES)
        if (head.weight.shape, head.products.shape) != ((width,), (width, width)):
            raise RecipeError(f"{path}: a head over other features than {', '.join(FEATURES)}")
        return head

    def save(self, path: Path) -> None:
        """Write what `load` reads."""
        buffers = self.named_buffers(remove_duplicate=False)
        # Copies: safetensors refuses tensors that share memory.
        tensors = {f"head.{name}": value.clone().contiguous() for name, value in buffers}
        write_whole(path, save(tensors))

    def rescaled(self, slope: float, offset: float) -> Self:
        """The head whose logit is `slope` times this one's, plus `offset`."""
        weight, products, bias = (slope * part for part in (self.weight, self.products, self.bias))
        return type(self)(self.mean, self.scale, weight, products, bias + offset)

    def forward(self, features: Tensor, count: Tensor) -> Tensor:
        """P(AI) float32[N] of features float32[N, F] of texts of `count` float32[N] tokens."""
        standard = standardised(features, count, self.mean, self.scale)
        weight = self.weight + standard @ self.products
        return torch.sigmoid((standard * weight).sum(-1) + self.bias)
