"""A trained stack as the weights of an ensemble: one linear head over all members' features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from export.ensemble.token_ngrams import ORDERS
from export.training.linear import DenseScorer, NgramScorer, Scorer, Stack
from registry.whole_file import write_whole

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a scorer's features are among those of all members; `name` is an n-gram member's."""

    columns: npt.NDArray[np.int64]
    name: str = ""


def save_ensemble_head(stack: Stack, places: Sequence[Place], width: int, path: Path) -> None:
    """head.mean, head.weight float32[width], head.bias float32[], and tables of n-grams."""
    mean, weight, bias = np.zeros(width), np.zeros(width), stack.bias
    tensors: dict[str, npt.NDArray[Any]] = {}
    for scorer, share, place in zip(stack.scorers, stack.weights, places, strict=True):
        bias += share * _add(scorer, share, place, mean, weight)
        if isinstance(scorer, NgramScorer):
            tensors[f"{place.name}.table"] = scorer.ngrams.table
            tensors[f"{place.name}.scale"] = scorer.ngrams.scale
    head: Mapping[str, Float64s] = {"mean": mean, "weight": weight, "bias": np.array(bias)}
    tensors |= {f"head.{name}": values.astype(np.float32) for name, values in head.items()}
    write_whole(path, save(tensors))


def _add(scorer: Scorer, share: float, place: Place, mean: Float64s, weight: Float64s) -> float:
    """Fill in the scorer's part of the head, and give its bias."""
    match scorer:
        case DenseScorer():
            mean[place.columns] = scorer.map.mean
            weight[place.columns] = share * scorer.map.weight
            return scorer.map.bias
        case NgramScorer():
            weight[place.columns] = np.full(ORDERS, share)
            return scorer.ngrams.bias
        case _:
            raise TypeError(f"no head is known for {scorer}")
