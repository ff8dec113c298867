"""What an exporter made, against torch on the drift texts.

How far the mean of the last layer's states moves, and how far a probability that is a logistic
function of it; alone, and in batches, which shows what depends on batch-mates.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH, IN_BATCHES = 16, 48
Float64s = npt.NDArray[np.float64]
Pooled = Callable[[Sequence[tuple[int, ...]]], Float64s]


@dataclass(frozen=True)
class Texts:
    """The drift texts' ids, torch's pooled states float64[N, width], and a logistic head."""

    ids: tuple[tuple[int, ...], ...]
    states: Float64s
    mean: Float64s
    weight: Float64s

    def probability(self, states: Float64s) -> Float64s:
        """float64[N]."""
        result: Float64s = 1 / (1 + np.exp(-((states - self.mean) @ self.weight)))
        return result


@dataclass(frozen=True)
class Distances:
    """Float64[N] each: |a - b| / |b| of pooled states, and |Δp|.

    `batch` is |Δp| by batch-mates of the first of them, `flips` the share of texts whose label at
    0.5 changes.
    """

    states: Float64s
    drift: Float64s
    batch: Float64s
    flips: float


def read_texts(count: int) -> Texts:
    """With minilm-small's own head where it looks at the last layer, centred on these texts."""
    import torch
    from safetensors.numpy import load_file

    from export.drift_texts import drift_texts
    from export.encoder.base import load_base
    from export.ensemble.token_ngrams import ORDERS
    from export.training.minilm import BASE, MAX_TOKENS, RECIPE
    from registry import norm1

    base = load_base(BASE)
    special, tokenizer = base.tokenizer.special_tokens, base.tokenizer.tokenizer
    room = MAX_TOKENS - len(special.prefix) - len(special.suffix)
    texts = (norm1(text) for text in drift_texts(count=count))
    encoded = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    ids = tuple((*special.prefix, *row[:room], *special.suffix) for row in encoded)
    with torch.inference_mode(), _one_thread():
        states = np.stack(
            [base.model(torch.tensor([row])).last_hidden_state[0].mean(0).numpy() for row in ids]
        ).astype(np.float64)
    head = load_file(RECIPE / "weights.safetensors")["head.weight"]
    weight = head[:-ORDERS][-states.shape[1] :]
    return Texts(ids, states, states.mean(0), weight.astype(np.float64))


@contextmanager
def _one_thread() -> Iterator[None]:
    # On a busy machine several wait for each other, ten times as long.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def distances(graph: Path, texts: Texts) -> Distances:
    """Of the graph from torch."""
    pooled = pooled_by_graph(graph)
    alone = np.concatenate([pooled([ids]) for ids in texts.ids])
    first = texts.ids[:IN_BATCHES]
    batched = np.concatenate(
        [pooled(first[start : start + BATCH]) for start in range(0, len(first), BATCH)]
    )
    moved = np.linalg.norm(alone - texts.states, axis=1) / np.linalg.norm(texts.states, axis=1)
    expected, found = texts.probability(texts.states), texts.probability(alone)
    return Distances(
        states=moved,
        drift=np.abs(found - expected),
        batch=np.abs(texts.probability(batched) - found[: len(first)]),
        flips=float(np.mean((found >= 0.5) != (expected >= 0.5))),
    )


def pooled_by_graph(path: Path) -> Pooled:
    """Masked means of the graph's last states, float64[N, width], of a batch of rows of ids."""
    import onnxruntime as ort

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = [value.name for value in session.get_inputs()]

    def _pooled(rows: Sequence[tuple[int, ...]]) -> Float64s:
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        feeds: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        feeds["token_type_ids"] = np.zeros_like(ids)
        (states, *_) = session.run(None, {name: feeds[name] for name in inputs})
        kept = np.asarray(states, dtype=np.float64) * mask[..., None]
        result: Float64s = kept.sum(1) / mask.sum(1, keepdims=True)
        return result

    return _pooled
