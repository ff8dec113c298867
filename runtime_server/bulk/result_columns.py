"""The columns that are added to a corpus's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from registry import Manifest
from runtime_server.bulk.errors import BulkError
from runtime_server.bulk.outcome import Outcome

Kind = Literal["float", "integer", "truth", "string"]
_KINDS: Final[Mapping[str, Kind]] = {
    "probability": "float",
    "prediction": "integer",
    "windows": "integer",
    "truncated": "truth",
    "model": "string",
    "digest": "string",
    "error": "string",
}


@dataclass(frozen=True)
class ResultColumns:
    """Their names begin with `prefix`; `threshold` decides the prediction."""

    manifest: Manifest
    threshold: float
    prefix: str = ""

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kind of each, by name, in their order."""
        return {f"{self.prefix}{name}": kind for name, kind in _KINDS.items()}

    def require_free(self, columns: Sequence[str]) -> None:
        """Raises BulkError where the corpus has a column of one of these names."""
        taken = [name for name in self.kinds if name in columns]
        if taken:
            raise BulkError(
                f"the corpus has a column {taken[0]!r} already; --prefix gives the new ones other "
                "names, as in --prefix second_"
            )

    def of(self, outcomes: Sequence[Outcome]) -> Mapping[str, Sequence[object]]:
        """A value per outcome, by name. A row without a probability has nulls and its error."""
        columns: tuple[Sequence[object], ...] = (
            [one.probability for one in outcomes],
            [self._prediction(one) for one in outcomes],
            [one.windows for one in outcomes],
            [one.truncated for one in outcomes],
            [self.manifest.reference] * len(outcomes),
            [self.manifest.digest] * len(outcomes),
            [one.error for one in outcomes],
        )
        return dict(zip(self.kinds, columns, strict=True))

    def _prediction(self, outcome: Outcome) -> int | None:
        return None if outcome.probability is None else int(outcome.probability >= self.threshold)
