"""Texts of exactly so many tokens, the same for every model."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tokenizers import Tokenizer

from export.drift_texts import drift_texts
from registry import Artifact, norm1
from registry.manifest import TOKENIZER_FILE

# By whose tokenizer, so that a model that reads text gets the same texts as one that reads tokens.
COUNTED_BY: Final = "minilm-small"
TOKENS: Final = (64, 128, 256, 512)
WORDS: Final = 2000
# Prose as the texts are; where there is no tokenizer to ask.
TOKENS_PER_WORD: Final = 1.3
# A word of one token, to fill up with.
FILLER: Final = "and"
Count = Callable[[str], int]


@dataclass(frozen=True)
class SizedText:
    """`tokens` with special tokens, as one window has them; `told` is what it is of."""

    text: str
    tokens: int
    told: str


def sized_texts(artifacts: Iterable[Artifact]) -> tuple[SizedText, ...]:
    """Of TOKENS tokens each, and last the one of WORDS words."""
    count, told = _counting(artifacts)
    words = " ".join(drift_texts(count=40, words=(160, 160))).split()
    exact = tuple(_of_tokens(words, wanted, count, told) for wanted in TOKENS)
    long = " ".join(words[:WORDS])
    return (*exact, SizedText(long, count(long), f"{WORDS:,} words; {told}"))


def _counting(artifacts: Iterable[Artifact]) -> tuple[Count, str]:
    artifact = next((one for one in artifacts if one.manifest.model_id == COUNTED_BY), None)
    if artifact is None:
        return _guessed, f"tokens are words × {TOKENS_PER_WORD}"
    tokenizer = Tokenizer.from_file(str(artifact.path(TOKENIZER_FILE)))
    tokenizer.no_truncation()
    special = artifact.manifest.input.special_tokens
    around = len(special.prefix) + len(special.suffix) if special else 0

    def counted(text: str) -> int:
        return len(tokenizer.encode(norm1(text), add_special_tokens=False).ids) + around

    return counted, f"tokens of {COUNTED_BY}'s tokenizer"


def _guessed(text: str) -> int:
    return round(len(text.split()) * TOKENS_PER_WORD)


def _of_tokens(words: list[str], wanted: int, count: Count, told: str) -> SizedText:
    """As many words as fit, and fillers."""
    fewest, most = 0, min(len(words), wanted)
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if count(" ".join(words[:middle])) <= wanted:
            fewest = middle
        else:
            most = middle - 1
    chosen = words[:fewest]
    while count(" ".join([*chosen, FILLER])) <= wanted:
        chosen.append(FILLER)
    text = " ".join(chosen)
    return SizedText(text, count(text), told)
