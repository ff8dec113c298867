"""Texts that are on every machine that runs the tests: none has to be committed."""

import importlib.metadata
import random
import re
from collections.abc import Iterator

from export.drift_texts import drift_texts

SHORTEST = 40
# What tokenizers disagree on: white space, digits, case, marks, scripts of all ages, special ones.
PIECES = (
    *" \t\n\r\u0085\u00a0\u00ad\u200b\u200d\u2028\u3000\ufeff.,-'\"0123456789½²٣१",
    *"ΣσςİIıßẞﬁé\u0301\u0345中\U00020000\U0002b820\u2e43\u0c5c\u088f\u1c89\ua7dc🙂한ا",
    *("\U00010940", "\U00011de0", "\U00016ff4", "\U0001f468\u200d\U0001f469", "e\u0301"),
    *("the", "ing", " a", "don't", "'s", "'S", "  ", "   ", "\n\n", "\r\n", "12345"),
    *("[CLS]", "[UNK]", "<|endoftext|>", "<mask>"),
)


def natural_texts() -> tuple[str, ...]:
    """Prose and its markup, mostly English: some thousands, as many as packages are installed."""
    return (*drift_texts(), *sorted(set(_paragraphs())))


def random_texts(count: int) -> tuple[str, ...]:
    """Up to 30 pieces each, one in seven any code point at all; the same on every machine."""
    choose = random.Random(14)
    return tuple(_random_text(choose) for _ in range(count))


def _paragraphs() -> Iterator[str]:
    """Of what installed packages say about themselves."""
    for distribution in importlib.metadata.distributions():
        description = distribution.metadata.get_payload() or distribution.metadata.get(
            "Description"
        )
        paragraphs = re.split(r"\n\s*\n", description or "")
        yield from (paragraph for paragraph in paragraphs if len(paragraph) >= SHORTEST)


def _random_text(choose: random.Random) -> str:
    def piece() -> str:
        known = choose.random() < 6 / 7
        return choose.choice(PIECES) if known else chr(choose.randrange(0x110000))

    return "".join(piece() for _ in range(choose.randrange(1, 30)))
