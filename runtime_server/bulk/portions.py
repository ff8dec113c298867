"""Cuts a stream into portions that fit into memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def portions(
    items: Iterable[T], most: int, largest: int, size: Callable[[T], int]
) -> Iterator[tuple[T, ...]]:
    """Portions of at most `most` items, closed once their sizes reach `largest`.

    So the sizes add up to less than `largest` and one item's. The same stream is always cut at the
    same places.
    """
    portion: list[T] = []
    total = 0
    for item in items:
        portion.append(item)
        total += size(item)
        if len(portion) >= most or total >= largest:
            yield tuple(portion)
            portion, total = [], 0
    if portion:
        yield tuple(portion)
