"""Segments cover a text, in order, and their places are those of the text as it was sent."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.segments import LEAST_CHARACTERS, segments

LONG = "It was a bright cold day in April, and the clocks were striking thirteen, as they had " * 2


def parts(text: str) -> list[str]:
    return [segment.of(text) for segment in segments(text)]


def sentence(first: str, end: str = ".") -> str:
    return f"{first} {LONG.strip()}{end}"


def test_sentences_that_are_long_enough_are_segments() -> None:
    one, two, three = sentence("One"), sentence("Two", "?!"), sentence("Three", '."')
    assert parts(f" {one}  {two}\n\n{three} ") == [one, two, three]


def test_short_sentences_join_until_they_are_long_enough() -> None:
    text = f"Yes. No. {sentence('Then')} {sentence('After')} End."
    assert parts(text) == [f"Yes. No. {sentence('Then')}", f"{sentence('After')} End."]


def test_a_point_inside_a_word_ends_nothing() -> None:
    text = sentence("Version 1.2.3 of example.org")
    assert parts(text) == [text]


def test_east_asian_sentences_end_without_a_space() -> None:
    one, two = "\u6587" * 130 + "\u3002", "\u5b57" * 130 + "\uff01\u300d"
    assert parts(one + two) == [one, two]


def test_line_breaks_end_sentences() -> None:
    one, two = LONG.strip(), LONG.strip().upper()
    assert parts(f"{one}\n{two}") == [one, two]


@pytest.mark.parametrize("text", ["", " ", "\n\u2028\u3000"], ids=ascii)
def test_white_space_has_no_segments(text: str) -> None:
    assert parts(text) == []


def test_positions_count_code_points() -> None:
    text = f"\U0001f600\U0001f600 {LONG.strip()}. {sentence('Next')}"
    first, second = segments(text)
    assert (first.start, second.of(text)) == (0, sentence("Next"))


PIECES = st.lists(
    st.one_of(st.sampled_from([". ", "!", "\n", "\u3002", " ", "\u2028", '."', LONG]), st.text()),
    max_size=30,
)


@given(PIECES)
def test_all_but_white_space_is_in_exactly_one_segment(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = segments(text)
    inside = "".join(segment.of(text) for segment in found)
    assert [c for c in inside if not c.isspace()] == [c for c in text if not c.isspace()]
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert len(found) <= 1 or all(s.end - s.start >= LEAST_CHARACTERS for s in found)
