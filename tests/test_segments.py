"""Segments and words: TypeScript finds what Python finds. Needs `make web`."""

from pathlib import Path

import pytest

from registry.segments import count_words, segments
from tests.runtimes import parity_script
from tests.texts import natural_texts, random_texts


def in_python(text: str) -> dict[str, object]:
    places = [[segment.start, segment.end] for segment in segments(text)]
    return {"segments": places, "words": count_words(text)}


@pytest.mark.parametrize("kind", ["natural", "random", "joined"])
def test_python_and_typescript_cut_texts_alike(root: Path, kind: str) -> None:
    texts = {
        "natural": natural_texts(),
        "random": random_texts(2_000),
        # Random pieces alone are too short to be cut.
        "joined": [". ".join(random_texts(2_000)[at : at + 20]) for at in range(0, 2_000, 20)],
    }[kind]
    found = parity_script(root, "segments", [], texts)
    assert found == [in_python(text) for text in texts]
    assert any(len(one["segments"]) > 2 for one in found) or kind == "random"
