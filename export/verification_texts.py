"""Which texts a build is verified on: fewer and shorter ones where a text costs a second."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from export.drift_texts import drift_texts
from export.golden_texts import HOSTILE, golden_texts
from registry.manifest import SourceKind

# Kinds with a language model inside: 100 million multiplications and more for every token.
HEAVY: frozenset[SourceKind] = frozenset({"causal_lm", "ensemble"})
# An encoder of BERT's size, even in int8: the full texts would take its build most of an hour.
HEAVY_BYTES = 100_000_000
# Still several windows long, where it is prose.
LONGEST_PROSE = 2500
LONGEST_HOSTILE = 300


@dataclass(frozen=True)
class VerificationTexts:
    """Golden texts, which the artifact ships, and texts to measure the drift on."""

    golden: tuple[str, ...]
    drift: tuple[str, ...]

    @classmethod
    @cache
    def of(cls, kind: SourceKind, graph_bytes: int = 0) -> "VerificationTexts":
        """For a source of this kind, and a graph with its weights of this size.

        A short text moves further than a long one when weights are rounded: brief is no easier.
        """
        if kind in HEAVY or (kind == "encoder" and graph_bytes > HEAVY_BYTES):
            return cls(_brief(golden_texts()), drift_texts(count=200, words=(8, 60)))
        return cls(golden_texts(), drift_texts())


def _brief(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_cut, texts))


def _cut(text: str) -> str:
    longest = LONGEST_HOSTILE if text in HOSTILE else LONGEST_PROSE
    return text if len(text) <= longest else text[:LONGEST_HOSTILE]
