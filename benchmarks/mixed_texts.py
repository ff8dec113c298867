"""Texts of mixed lengths, as people send them: many short ones, a few long."""

import random

from export.drift_texts import drift_texts

WORDS = (3, 160)
# Of the logarithm of the number of words: a median of 20, one in ten above 56.
MEAN, DEVIATION = 3.0, 0.8


def mixed_texts(count: int) -> tuple[str, ...]:
    """Prose whose lengths are log-normal; the same for the same count, none twice in practice."""
    choose = random.Random(7)  # noqa: S311 (a fixed choice, not a secret)
    words = " ".join(drift_texts(count=200, words=WORDS)).split()
    return tuple(_part(words, choose) for _ in range(count))


def _part(words: list[str], choose: random.Random) -> str:
    wanted = round(choose.lognormvariate(MEAN, DEVIATION))
    length = min(WORDS[1], max(WORDS[0], wanted))
    start = choose.randrange(len(words) - length)
    return " ".join(words[start : start + length])
