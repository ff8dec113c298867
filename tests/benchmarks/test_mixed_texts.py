"""The texts that servers are compared on."""

from benchmarks.mixed_texts import WORDS, mixed_texts


def test_many_are_short_some_are_long_and_they_are_always_the_same() -> None:
    texts = mixed_texts(200)
    lengths = sorted(len(text.split()) for text in texts)
    assert WORDS[0] <= lengths[0] <= lengths[-1] <= WORDS[1]
    assert lengths[100] < 30 < 60 < lengths[195]
    assert texts == mixed_texts(200)
