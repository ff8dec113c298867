"""Which rows run together."""

import math
from collections.abc import Iterator, Sequence

from registry.windows import RUN_ROWS


def micro_batches(
    lengths: Sequence[int], *, padded: float = math.inf, size: int = RUN_ROWS
) -> Iterator[tuple[int, ...]]:
    """Places of the rows, shortest first, at most `size` at a time.

    `padded` is the most that a micro-batch may measure with each row as long as its longest; a
    row that is longer than that alone runs alone.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        # In this order the newest row is the longest.
        if batch and (len(batch) == size or (len(batch) + 1) * lengths[place] > padded):
            yield tuple(batch)
            batch = []
        batch.append(place)
    if batch:
        yield tuple(batch)
