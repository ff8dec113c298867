"""Which texts a build is verified on: fewer and shorter ones where a text costs a second."""

from dataclasses import dataclass
from functools import cache

from export.drift_texts import drift_texts
from export.golden_texts import HOSTILE, LONGEST, golden_texts
from registry.manifest import SourceKind
from registry.windows import RUN_ROWS

# Kinds with a language model inside: 100 million multiplications and more for every token.
HEAVY: frozenset[SourceKind] = frozenset({"causal_lm", "ensemble"})
# An encoder of BERT's size, even in int8: the full texts would take its build most of an hour.
HEAVY_BYTES = 100_000_000
# One text is longer than a window of 512 tokens.
LONG, SHORT, HOSTILE_SHORT = 2600, 300, 60
BRIEF_WORDS = (8, 32)
# Windows; padding takes as long as text, and memory.
HEAVY_BATCH = 4


@dataclass(frozen=True)
class VerificationTexts:
    """Golden texts, which the artifact ships, texts to measure the drift on, windows per batch."""

    golden: tuple[str, ...]
    drift: tuple[str, ...]
    batch: int

    @classmethod
    @cache
    def of(cls, kind: SourceKind, graph_bytes: int = 0) -> "VerificationTexts":
        """For a source of this kind, and a graph with its weights of this size.

        A short text moves further than a long one when weights are rounded: brief is no easier.
        """
        if kind in HEAVY or (kind == "encoder" and graph_bytes > HEAVY_BYTES):
            brief = drift_texts(count=200, words=BRIEF_WORDS)
            return cls(tuple(map(_cut, golden_texts())), brief, HEAVY_BATCH)
        return cls(golden_texts(), drift_texts(), RUN_ROWS)


def _cut(text: str) -> str:
    if text in HOSTILE:
        return text[:HOSTILE_SHORT]
    return text[: LONG if len(text) == LONGEST else SHORT]
