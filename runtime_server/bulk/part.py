"""The parts into which a corpus is cut: what is scored, kept and, after a crash, done again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from registry import SizeCategory
from runtime_server.bulk.outcome import Outcome
from runtime_server.bulk.portions import portions
from runtime_server.errors import ServerError
from runtime_server.requests import TextLimits

# Some seconds to a few minutes of work on two cores: what a crash costs at most.
ROWS_OF: Final[Mapping[SizeCategory, int]] = {
    SizeCategory.TINY: 4000,
    SizeCategory.SMALL: 500,
    SizeCategory.MEDIUM: 100,
    SizeCategory.LARGE: 50,
}
CHARACTERS: Final = 2_000_000


class Span(NamedTuple):
    """So many rows of the corpus from the row `first` on, counted from 0."""

    first: int
    rows: int


@dataclass(frozen=True)
class Part:
    """A span's rows: texts to be scored, and the outcomes of those that are not taken."""

    span: Span
    rows: Sequence[str | Outcome]

    @property
    def texts(self) -> tuple[str, ...]:
        """In order."""
        return tuple(row for row in self.rows if isinstance(row, str))

    def joined(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """An outcome per row, from one per text."""
        if len(outcomes) != len(self.texts):
            raise ValueError(f"{len(outcomes)} outcomes for {len(self.texts)} texts")
        rest = iter(outcomes)
        return tuple(next(rest) if isinstance(row, str) else row for row in self.rows)


@dataclass(frozen=True)
class Cut:
    """How many rows a part has at most, and about how many characters; the texts that are taken."""

    rows: int
    limits: TextLimits
    characters: int = CHARACTERS

    def parts(self, texts: Iterator[object]) -> Iterator[Part]:
        """The same texts are always cut at the same places."""
        first = 0
        checked = map(self._checked, texts)
        for rows in portions(checked, self.rows, self.characters, _characters):
            yield Part(Span(first, len(rows)), rows)
            first += len(rows)

    def _checked(self, text: object) -> str | Outcome:
        try:
            return self.limits.check(text)
        except ServerError as exc:
            return Outcome.refused(exc)


def _characters(row: str | Outcome) -> int:
    return len(row) if isinstance(row, str) else 0
