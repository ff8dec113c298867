"""Any number of texts, cut into what one request takes."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from runtime_server.client.errors import ApiError

# The server's own limits, unless its operator has set others: see `put_back`.
MOST_TEXTS: Final = 128
MOST_BYTES: Final = 4_000_000
_BYTES_OF_A_CHARACTER: Final = 6  # as an escape, \uXXXX
_TOO_LARGE: Final = frozenset({"too_many_texts", "body_too_large"})


class Parts:
    """Part after part, in order; never more than one of them in memory."""

    def __init__(self, texts: Iterable[str]) -> None:
        if isinstance(texts, str):
            raise TypeError("texts: several are expected, this is a single str; use predict")
        self._texts: Iterator[str] = iter(texts)
        self._most = MOST_TEXTS

    def next(self) -> tuple[str, ...]:
        """At most MOST_TEXTS and about MOST_BYTES of them, at least one; () at the end."""
        part: list[str] = []
        n_bytes = 0
        while len(part) < self._most and n_bytes < MOST_BYTES:
            text = next(self._texts, None)
            if text is None:
                break
            part.append(text)
            n_bytes += len(text) if text.isascii() else len(text) * _BYTES_OF_A_CHARACTER
        return tuple(part)

    def unanswered(self, rest: Iterable[str]) -> None:
        """These come first in the next part."""
        self._texts = chain(rest, self._texts)

    def refused(self, part: tuple[str, ...], error: ApiError) -> None:
        """Parts are half as large from now on. Raises `error` where that would not help."""
        if error.code not in _TOO_LARGE or len(part) == 1:
            raise error
        self._most = len(part) // 2
        self.unanswered(part)
