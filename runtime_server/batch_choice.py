"""Which waiting rows run together: a decision without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from registry.windows import RUN_ROWS, RUN_TOKENS

# Waiting rows that are looked at: enough to find some of like length, few enough to sort at once.
WINDOW = 64
# Tokens with padding for each token without. Above about this, what a batch saves is less than
# what padding costs (docs/benchmarks.md).
WASTE = 1.1


@dataclass(frozen=True)
class BatchLimits:
    """What a batch may hold.

    `tokens` counts padding too: it bounds the memory of one run, and how long it keeps the next
    request waiting. A row that exceeds it runs alone.
    """

    rows: int = RUN_ROWS
    tokens: int = RUN_TOKENS
    waste: float = WASTE
    window: int = WINDOW


def choose_batch(lengths: Sequence[int], limits: BatchLimits) -> tuple[int, ...]:
    """Places of the rows to run now, of rows that wait in this order; the first is among them.

    Around the first row's length, the nearest lengths on either side join as long as the limits
    hold. So the one that has waited longest is never passed over, and little is padded. `lengths`
    are in tokens; 0 is a row that is not padded.
    """
    window = sorted(range(min(len(lengths), limits.window)), key=lambda place: lengths[place])
    at = window.index(0)
    low, high = at - 1, at + 1
    chosen, real, longest = [0], lengths[0], lengths[0]
    while len(chosen) < limits.rows:
        beside = [place for place in (low, high) if 0 <= place < len(window)]
        if not beside:
            break
        nearest = min(beside, key=lambda place: abs(lengths[window[place]] - lengths[0]))
        length = lengths[window[nearest]]
        padded = max(longest, length) * (len(chosen) + 1)
        if padded > limits.tokens or padded > limits.waste * (real + length):
            break
        chosen.append(window[nearest])
        real, longest = real + length, max(longest, length)
        low, high = (low - 1, high) if nearest == low else (low, high + 1)
    return tuple(chosen)
