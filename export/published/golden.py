"""golden.jsonl of an artifact: texts, what they become, and their probabilities."""

import json
from dataclasses import dataclass
from typing import Self

from export.errors import VerificationError
from registry import Artifact
from registry.manifest import GOLDEN_FILE

Ids = tuple[int, ...]


@dataclass(frozen=True)
class GoldenVector:
    """A text, its normal form, its token ids (null for text-in graphs), and its probability."""

    text: str
    normalized: str
    ids: Ids | None
    companion_ids: tuple[Ids, ...]
    probability: float

    @classmethod
    def of_line(cls, line: str) -> Self:
        """From one line of the file. Raises ValueError, KeyError or TypeError."""
        fields = json.loads(line)
        ids = fields["ids"]
        return cls(
            text=fields["text"],
            normalized=fields["normalized"],
            ids=None if ids is None else tuple(ids),
            companion_ids=tuple(map(tuple, fields.get("companion_ids", ()))),
            probability=float(fields["probability"]),
        )


def read_golden(artifact: Artifact) -> tuple[GoldenVector, ...]:
    """All vectors, in their order. Raises NotFoundError, VerificationError."""
    path = artifact.path(GOLDEN_FILE)
    vectors = []
    # Not splitlines(): it would also cut at the line separators that a text may hold.
    for number, line in enumerate(path.read_text("ascii").rstrip("\n").split("\n"), start=1):
        try:
            vectors.append(GoldenVector.of_line(line))
        except (ValueError, KeyError, TypeError) as exc:
            raise VerificationError(f"{path}, line {number}: no golden vector: {exc!r}") from exc
    return tuple(vectors)
