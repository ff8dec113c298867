"""What became of requests: answered, refused with a documented code, or lost."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from benchmarks.serving.traffic import Answer
from benchmarks.topology import DEPLOY
from runtime_server.errors import ServerError

# A fault of the server is no refusal, though it has a code.
_FAULT: Final = ServerError.code


@dataclass(frozen=True)
class Tally:
    """Counts; `refused` and `lost` by code, or by what went wrong."""

    answered: int
    refused: Mapping[str, int]
    lost: Mapping[str, int]

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> Self:
        """Of the answers to all requests that were sent."""
        counts = Counter((answer.status, answer.code) for answer in answers)
        known = documented_codes()
        refused: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for (status, code), count in counts.items():
            if status in (200, 206, 304):
                continue
            (refused if status >= 400 and code in known else lost)[code or f"{status}"] += count
        answered = counts.total() - refused.total() - lost.total()
        return cls(answered, dict(refused), dict(lost))

    @property
    def sent(self) -> int:
        """All."""
        return self.answered + sum(self.refused.values()) + sum(self.lost.values())

    def __add__(self, other: Self) -> "Tally":
        """Both together."""
        return Tally(
            self.answered + other.answered,
            Counter(self.refused) + Counter(other.refused),
            Counter(self.lost) + Counter(other.lost),
        )


def documented_codes() -> frozenset[str]:
    """Of the server's table of errors, and of nginx's problems."""
    text = (DEPLOY / "nginx" / "problems.conf.template").read_text()
    return frozenset(_codes(ServerError)) | set(re.findall(r'"code": "(\w+)"', text)) - {_FAULT}


def _codes(error: type[ServerError]) -> Iterator[str]:
    for kind in error.__subclasses__():
        if kind.code != _FAULT:
            yield kind.code
        yield from _codes(kind)
