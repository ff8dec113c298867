"""Ten ways in which a text is changed without becoming another author's.

Training reads changed copies, so that a detector does not lean on what a key stroke changes; the
protocol measures what each costs. Dugan et al., "RAID: a shared benchmark for robust evaluation of
machine-generated text detectors" (2024), has most of them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from registry.segments import segments

Perturbation = Callable[[str, np.random.Generator], str]

# Letters that look the same in Cyrillic or Greek: Unicode Technical Standard 39, confusables.txt.
_LOOK_ALIKE: Final = str.maketrans(
    dict(
        zip(
            "aceopxyijsAEKMOTHCPB",
            "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0458\u0455"
            "\u0410\u0415\u041a\u041c\u041e\u0422\u041d\u0421\u0420\u0412",
            strict=True,
        )
    )
)
_TYPOGRAPHY: Final = str.maketrans({'"': "\u201d", "'": "\u2019", "-": "\u2013"})
_PLAIN: Final = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-"}
)
_WORD: Final = re.compile(r"\S+")
_PUNCTUATION: Final = re.compile(r"[^\w\s]")
_CONTRACTIONS: Final[Sequence[tuple[str, str]]] = (
    ("it is", "it's"),
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("did not", "didn't"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("cannot", "can't"),
    ("that is", "that's"),
    ("they are", "they're"),
    ("we are", "we're"),
    ("you are", "you're"),
    ("I am", "I'm"),
)
TYPO_SHARE: Final = 0.05
LOOK_ALIKE_SHARE: Final = 0.1
DROPPED_SHARE: Final = 0.1


def lower_case(text: str, _: np.random.Generator) -> str:
    """No capitals."""
    return text.lower()


def no_punctuation(text: str, _: np.random.Generator) -> str:
    """Letters, digits and spaces only."""
    return _PUNCTUATION.sub("", text)


def white_space(text: str, generator: np.random.Generator) -> str:
    """Two spaces, or a line break, for every fifth space."""
    parts = re.split(r"(\s+)", text)
    for place in range(1, len(parts), 2):
        if generator.random() < 0.2:
            parts[place] = "\n" if generator.random() < 0.3 else "  "
    return "".join(parts)


def typing_errors(text: str, generator: np.random.Generator) -> str:
    """Two letters swapped, one doubled or one missing in every twentieth word."""
    return _WORD.sub(lambda match: _mistyped(match.group(), generator), text)


def _mistyped(word: str, generator: np.random.Generator) -> str:
    if len(word) < 4 or generator.random() >= TYPO_SHARE:
        return word
    at = int(generator.integers(1, len(word) - 2))
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    doubled = word[:at] + word[at] + word[at:]
    missing = word[:at] + word[at + 1 :]
    return (swapped, doubled, missing)[int(generator.integers(3))]


def look_alikes(text: str, generator: np.random.Generator) -> str:
    """Every tenth letter that has one is a letter of another script that looks the same."""
    chosen = generator.random(len(text)) < LOOK_ALIKE_SHARE
    return "".join(
        letter.translate(_LOOK_ALIKE) if other else letter
        for letter, other in zip(text, chosen, strict=True)
    )


def zero_width(text: str, generator: np.random.Generator) -> str:
    """A zero-width space inside every tenth word."""
    return _WORD.sub(
        lambda match: (
            f"{match.group()[:1]}\u200b{match.group()[1:]}"
            if generator.random() < 0.1
            else match.group()
        ),
        text,
    )


def typography(text: str, _: np.random.Generator) -> str:
    """Curly quotes and dashes where they were straight, else the other way round."""
    curly = text.translate(_TYPOGRAPHY)
    return curly if curly != text else text.translate(_PLAIN)


def dropped_words(text: str, generator: np.random.Generator) -> str:
    """Every tenth word is missing."""
    words = text.split(" ")
    kept = [word for word in words if generator.random() >= DROPPED_SHARE]
    return " ".join(kept or words)


def sentence_order(text: str, generator: np.random.Generator) -> str:
    """The same sentences in another order."""
    found = [segment.of(text) for segment in segments(text)]
    return " ".join(found[place] for place in generator.permutation(len(found)))


def contractions(text: str, _: np.random.Generator) -> str:
    """What one says: it's for it is."""
    for long, short in _CONTRACTIONS:
        text = re.sub(rf"\b{long}\b", short, text)
        text = re.sub(rf"\b{long.capitalize()}\b", short[:1].upper() + short[1:], text)
    return text


PERTURBATIONS: Mapping[str, Perturbation] = {
    "lower case": lower_case,
    "no punctuation": no_punctuation,
    "white space": white_space,
    "typing errors": typing_errors,
    "look-alike letters": look_alikes,
    "zero-width spaces": zero_width,
    "typography": typography,
    "dropped words": dropped_words,
    "sentence order": sentence_order,
    "contractions": contractions,
}


def changed_copy(text: str, generator: np.random.Generator) -> str:
    """A window of 30 to 350 words, changed in one or two of these ways, for training."""
    words = list(_WORD.finditer(text))
    length = int(generator.integers(30, 351))
    if length < len(words):
        first = int(generator.integers(len(words) - length + 1))
        text = text[words[first].start() : words[first + length - 1].end()]
    names = generator.choice(len(PERTURBATIONS), size=int(generator.integers(1, 3)), replace=False)
    ways = list(PERTURBATIONS.values())
    for place in sorted(names):
        text = ways[place](text, generator)
    return text
