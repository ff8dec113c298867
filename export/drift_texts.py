"""English texts for measuring how far a graph is from its source; none is trained on."""

import random
import re
from pathlib import Path
from pydoc_data import topics

import sklearn.datasets

from export.golden_texts import NATURAL

COUNT = 300
WORDS = (8, 350)


def drift_texts() -> tuple[str, ...]:
    """COUNT texts of 8 to 350 words: prose of Python's and scikit-learn's manuals, and our own."""
    choose = random.Random(300)  # noqa: S311 (a fixed choice, not a secret)
    sentences = _sentences()
    return tuple(_text(sentences, choose) for _ in range(COUNT))


def _sentences() -> list[str]:
    descriptions = sorted((Path(sklearn.datasets.__file__).parent / "descr").glob("*.rst"))
    manuals = [*topics.topics.values(), *(path.read_text("utf-8") for path in descriptions)]
    prose = re.sub(r"\s+", " ", " ".join(manuals))
    found = re.findall(r"(?<=[.!?] )[A-Z][^.!?*|`:<>_=]{40,300}[.!?]", prose)
    return [*NATURAL, *found]


def _text(sentences: list[str], choose: random.Random) -> str:
    wanted = choose.randint(*WORDS)
    words: list[str] = []
    while len(words) < wanted:
        words += choose.choice(sentences).split()
    return " ".join(words[:wanted])
