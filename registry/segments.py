"""Cuts a text into the segments that are judged one by one. Specification: docs/segments.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Shorter ones say too little: the next sentence joins.
LEAST_CHARACTERS: Final = 120
_SPACE: Final = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_CLOSERS: Final = "\"'\\u201d\\u2019\\u00bb)\\]}"
_WORD: Final = re.compile(f"[^{_SPACE}]+")
_SENTENCE_END: Final = re.compile(
    f"[.!?\\u2026]+[{_CLOSERS}]*(?=[{_SPACE}]|$)"  # what ends a sentence where a space follows
    "|[\\u3002\\uff01\\uff1f]+[\\u300d\\u300f\\u201d\\u2019]*"  # and what ends one anywhere
    "|[\\n\\u2028\\u2029]+"
)
_CONTENT: Final = re.compile(f"[^{_SPACE}](?:.*[^{_SPACE}])?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Segment:
    """`text[start:end]`, in code points, of one or more whole sentences; no space at either end."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The part of the text."""
        return text[self.start : self.end]


def segments(text: str) -> tuple[Segment, ...]:
    """Of at least 120 characters each, unless the whole text is shorter; in order, apart.

    Everything but white space is in exactly one of them.
    """
    found: list[Segment] = []
    for segment in _sentences(text):
        if found and found[-1].end - found[-1].start < LEAST_CHARACTERS:
            found[-1] = Segment(found[-1].start, segment.end)
        else:
            found.append(segment)
    if len(found) > 1 and found[-1].end - found[-1].start < LEAST_CHARACTERS:
        last = found.pop()
        found[-1] = Segment(found[-1].start, last.end)
    return tuple(found)


def count_words(text: str) -> int:
    """Runs of anything but white space."""
    return sum(1 for _ in _WORD.finditer(text))


def _sentences(text: str) -> Iterator[Segment]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        content = _CONTENT.search(text, start, end)
        if content is not None:
            yield Segment(*content.span())
