"""Which rows of many that are all known run together: a decision without I/O."""

from collections.abc import Sequence

from runtime_server.batch_choice import BatchLimits


def length_batches(lengths: Sequence[int], limits: BatchLimits) -> tuple[tuple[int, ...], ...]:
    """Places of the rows of each batch, the longest rows first; every row is in one batch.

    The longest first: those that are short fill the time until the last of several threads ends.
    `lengths` are in tokens; 0 is a row that is not padded. A row that exceeds `limits.tokens` runs
    alone. What padding may add is bounded by the sorting alone: `limits.waste` is not looked at.
    """
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        full = len(batch) >= limits.rows
        if batch and (full or lengths[batch[0]] * (len(batch) + 1) > limits.tokens):
            batches.append(tuple(batch))
            batch = []
        batch.append(place)
    return (*batches, tuple(batch)) if batch else tuple(batches)
