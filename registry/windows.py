"""How a text longer than its model is cut into windows of tokens, and how the parts are pooled.

Specification: docs/windows.md. The TypeScript twin is web_bundle/src/windows.ts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from registry.manifest import Companion, InputSpec, Window

# What one run of a graph holds at most: windows or texts, and tokens with padding. A manifest's
# memory_bytes is measured on such a run, and servers keep to it.
RUN_ROWS = 16
RUN_TOKENS = 4096
# Probabilities are clipped before their logit is taken: float32 cannot tell closer to 0 or 1.
_CLIP = 1e-7


@dataclass(frozen=True)
class Encoding:
    """One window as the graph reads it, and how many of its ids are the text's own.

    `companions` are the ids of the same window by the companions' tokenizers, in their order;
    `cut` says that one of those had more than its max_tokens, and lost the rest.
    """

    ids: tuple[int, ...]
    content: int
    companions: tuple[tuple[int, ...], ...] = ()
    cut: bool = False


def window_bounds(n_tokens: int, window: Window) -> tuple[tuple[int, int], ...]:
    """(start, end) of each window over `n_tokens` tokens; one window, maybe empty, at least.

    Windows start every `stride` tokens; the last one ends with the text, and is full.
    """
    if n_tokens <= window.tokens:
        return ((0, n_tokens),)
    last = n_tokens - window.tokens
    starts = (*range(0, last, window.stride), last)
    return tuple((start, start + window.tokens) for start in starts)


def encodings(
    ids: Sequence[int], spec: InputSpec, companions: Sequence[Sequence[int]] = ()
) -> tuple[Encoding, ...]:
    """The windows of a text's token ids (without special tokens), framed as `spec` says.

    `companions` are the whole text's ids by each of the companions' tokenizers. A window has the
    same share of them as of `ids`: tokens 100 to 200 of 400 are tokens 110 to 220 of 440.
    """
    if spec.window is None or spec.special_tokens is None:
        raise ValueError("only an input of kind tokens has windows")
    special = spec.special_tokens
    windows = []
    for start, end in window_bounds(len(ids), spec.window):
        shares = [
            _share(other, companion, (start, end), len(ids))
            for other, companion in zip(companions, spec.companions, strict=True)
        ]
        windows.append(
            Encoding(
                ids=special.framed(ids[start:end]),
                content=end - start,
                companions=tuple(share for share, _ in shares),
                cut=any(cut for _, cut in shares),
            )
        )
    return tuple(windows)


def _share(
    ids: Sequence[int], companion: Companion, bounds: tuple[int, int], of: int
) -> tuple[tuple[int, ...], bool]:
    start, end = (bound * len(ids) // of for bound in bounds) if of else (0, len(ids))
    room = companion.max_tokens - companion.special_tokens.length
    return companion.special_tokens.framed(ids[start : min(end, start + room)]), end - start > room


def pooled(probabilities: Sequence[float], contents: Sequence[int], window: Window) -> float:
    """One probability from those of the windows, each weighted by its number of tokens."""
    if len(probabilities) == 1:
        return probabilities[0]
    if window.pooling == "max_probability":
        return max(probabilities)
    if window.pooling == "mean_probability":
        return _mean(probabilities, contents)
    mean = _mean([_logit(probability) for probability in probabilities], contents)
    return 1 / (1 + math.exp(-mean))


def _logit(probability: float) -> float:
    clipped = min(max(probability, _CLIP), 1 - _CLIP)
    return math.log(clipped / (1 - clipped))


def _mean(values: Sequence[float], weights: Sequence[int]) -> float:
    products = (value * weight for value, weight in zip(values, weights, strict=True))
    return sum(products) / sum(weights)
