"""English texts for measuring how far a graph is from its source; none is trained on."""

import random
import re
from pathlib import Path
from pydoc_data import topics

import sklearn.datasets

from export.golden_texts import NATURAL

COUNT = 500
# Longer texts drift less, and would take a build most of its time.
WORDS = (8, 160)


def drift_texts(count: int = COUNT, words: tuple[int, int] = WORDS) -> tuple[str, ...]:
    """Texts of so many words: prose of Python's and scikit-learn's manuals, and our own."""
    choose = random.Random(300)  # noqa: S311 (a fixed choice, not a secret)
    sentences = _sentences()
    return tuple(_text(sentences, choose.randint(*words), choose) for _ in range(count))


def _sentences() -> list[str]:
    descriptions = sorted((Path(sklearn.datasets.__file__).parent / "descr").glob("*.rst"))
    manuals = [*topics.topics.values(), *(path.read_text("utf-8") for path in descriptions)]
    prose = re.sub(r"\s+", " ", " ".join(manuals))
    found = re.findall(r"(?<=[.!?] )[A-Z][^.!?*|`:<>_=]{40,300}[.!?]", prose)
    return [*NATURAL, *found]


def _text(sentences: list[str], wanted: int, choose: random.Random) -> str:
    words: list[str] = []
    while len(words) < wanted:
        words += choose.choice(sentences).split()
    return " ".join(words[:wanted])
