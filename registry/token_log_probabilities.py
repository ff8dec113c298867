"""How probable a language model found each token of a text, and where in the text these are.

Specification: docs/segments.md. The TypeScript twin is web_bundle/src/token_log_probabilities.ts.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from registry.segments import Segment


@dataclass(frozen=True, slots=True)
class TokenLogProbabilities:
    """Natural logarithms, one per token, in order.

    `places` are the code points of the text that hold the tokens' last bytes.
    """

    places: tuple[int, ...]
    values: tuple[float, ...]

    def mean_in(self, segment: Segment) -> float | None:
        """Over the tokens that end in the segment; None where none does."""
        first, end = (bisect_left(self.places, at) for at in (segment.start, segment.end))
        own = self.values[first:end]
        return sum(own) / len(own) if own else None


def token_places(text: str, lengths: Sequence[int]) -> tuple[int, ...] | None:
    """The code point of `text` that holds each token's last byte; tokens are so many bytes long.

    None where these are not as many as the text's: then tokens are not pieces of its UTF-8.
    """
    holders = [place for place, character in enumerate(text) for _ in character.encode()]
    ends = tuple(accumulate(lengths))
    if (ends[-1] if ends else 0) != len(holders):
        return None
    return tuple(holders[end - 1] for end in ends)
