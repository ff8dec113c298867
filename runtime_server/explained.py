"""Texts with their segments: judged together, and taken apart again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Self

from registry.segments import Segment, segments
from runtime_server.engine import Score
from runtime_server.result import JudgedSegment


@dataclass(frozen=True)
class Explained:
    """`parts` has the segments of each text; None where nobody asks for them."""

    texts: Sequence[str]
    parts: tuple[tuple[Segment, ...] | None, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """All texts with their segments. One that is a single segment is not judged twice."""
        return cls(texts, tuple(map(segments, texts)))

    @classmethod
    def not_at_all(cls, texts: Sequence[str]) -> Self:
        """The texts alone."""
        return cls(texts, (None,) * len(texts))

    @property
    def all_texts(self) -> tuple[str, ...]:
        """The texts, then the segments of the first, of the second, and so on."""
        each = zip(self.texts, self.parts, strict=True)
        cut = ((part.of(text) for part in _several(parts)) for text, parts in each)
        return (*self.texts, *chain.from_iterable(cut))

    def sorted(
        self, scores: Sequence[Score]
    ) -> Iterator[tuple[str, Score, tuple[JudgedSegment, ...] | None]]:
        """Each text, its score, and those of its segments, from the scores of `all_texts`."""
        whole, rest = scores[: len(self.texts)], iter(scores[len(self.texts) :])
        for text, score, parts in zip(self.texts, whole, self.parts, strict=True):
            if parts is None:
                yield text, score, None
                continue
            several = _several(parts)
            own = list(islice(rest, len(several))) if several else [score] * len(parts)
            yield text, score, tuple(map(_judged, parts, own, repeat(score)))


def _several(parts: tuple[Segment, ...] | None) -> tuple[Segment, ...]:
    return parts if parts is not None and len(parts) > 1 else ()


def _judged(part: Segment, score: Score, whole: Score) -> JudgedSegment:
    tokens = whole.token_log_probabilities
    return JudgedSegment(
        start=part.start,
        end=part.end,
        probability=score.probability,
        mean_log_probability=None if tokens is None else tokens.mean_in(part),
    )
