"""A WordPiece vocabulary for tiny checkpoints: the verification texts' words, and letters."""

import re
from functools import cache

from export.drift_texts import drift_texts

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"


def vocabulary(letters: str = LETTERS) -> list[str]:
    """Words are one token each: a text of letters alone would be five times as long."""
    pieces = [*letters, *(f"##{letter}" for letter in letters)]
    return [*SPECIAL, *pieces, *(word for word in _words() if set(word) <= set(letters))]


@cache
def _words() -> list[str]:
    texts = " ".join(drift_texts()).lower()
    return sorted({word for word in re.findall("[a-z]+", texts) if len(word) > 1})
