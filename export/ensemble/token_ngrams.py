"""Evidence of which tokens follow each other: linear in hashed n-grams of token ids.

Every n-gram of ids has a weight in a table, at the place that its ids are hashed to (Weinberger et
al., "Feature hashing for large scale multitask learning", 2009). Their sum is divided by the square
root of their number, much as a vector of counts is by its length.
"""

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from export.errors import RecipeError
from registry.manifest import SpecialTokens

ORDERS: Final = 3
# A prime: with a power of two, the low bits of ids alone would choose the place.
BUCKETS: Final = 262_139
# One for each id of an n-gram, below BUCKETS: at most 2^17 times 2^18 times 3, an exact int64.
MULTIPLIERS: Final = (179_426_549 % BUCKETS, 32_452_843 % BUCKETS, 86_028_121 % BUCKETS)


def ngram_places(ids: npt.NDArray[np.int64], order: int) -> npt.NDArray[np.int64]:
    """Where in its table each n-gram of these ids is, int64[len(ids) - order + 1]."""
    count = max(len(ids) - order + 1, 0)
    mixed = np.zeros(count, dtype=np.int64)
    for place in range(order):
        mixed += ids[place : place + count] * MULTIPLIERS[place]
    return mixed % BUCKETS


class TokenNgrams(nn.Module):
    """Tables int8[ORDERS, BUCKETS], and what 1 in each of them stands for, float32[ORDERS]."""

    table: Tensor
    scale: Tensor

    def __init__(self, table: Tensor, scale: Tensor, special: SpecialTokens) -> None:
        super().__init__()
        self.register_buffer("table", table)
        self.register_buffer("scale", scale)
        self.before = len(special.prefix)
        self.after = len(special.suffix)

    @classmethod
    def load(cls, path: Path, name: str, special: SpecialTokens) -> Self:
        """The tensors `NAME.table` and `NAME.scale` of a file. Raises RecipeError."""
        try:
            tensors = load_file(path)
            table, scale = tensors[f"{name}.table"], tensors[f"{name}.scale"]
        except (SafetensorError, KeyError, OSError) as exc:
            raise RecipeError(f"{path} does not hold the n-grams of {name}: {exc!r}") from exc
        if (table.dtype, tuple(table.shape), tuple(scale.shape)) != (
            torch.int8,
            (ORDERS, BUCKETS),
            (ORDERS,),
        ):
            raise RecipeError(f"{path}: {name}.table is not int8[{ORDERS}, {BUCKETS}]")
        return cls(table, scale, special)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """input_ids, attention_mask int64[N, T], to one feature for each order, float32[N, 3].

        Special tokens belong to no n-gram: where a window is cut says nothing about its author.
        """
        length = input_ids.shape[1]
        # Padded so far that no slice is empty, however short the text.
        room = (0, self.before + ORDERS - 1 + self.after)
        ids, mask = functional.pad(input_ids, room), functional.pad(attention_mask, room)
        features = []
        for order in range(1, ORDERS + 1):
            mixed = sum(
                ids[:, self.before + place : self.before + place + length] * MULTIPLIERS[place]
                for place in range(order)
            )
            last = self.before + order - 1 + self.after
            inside = mask[:, last : last + length].to(self.scale.dtype)
            weights = self.table[order - 1][torch.remainder(mixed, BUCKETS)]  # type: ignore[arg-type]
            total = (weights.to(self.scale.dtype) * inside).sum(-1) * self.scale[order - 1]
            features.append(total / inside.sum(-1).clamp(min=1.0).sqrt())
        return torch.stack(features, dim=-1)
