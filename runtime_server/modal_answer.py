"""What a container and the server tell each other: plain values, checked when they are read."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime_server.engine import EngineTimings, Score, Scores
from runtime_server.errors import EngineError


class Part(BaseModel):
    """Immutable, and nothing but what is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFailure(Part):
    """An EngineError that speaks against the input, not against Modal."""

    reason: str
    detail: str


class ModalScore(Part):
    """A `Score`."""

    probability: float = Field(ge=0, le=1)
    tokens: int | None
    windows: int = Field(ge=1)
    truncated: bool


class ModalAnswer(Part):
    """Scores in the order of the texts, or the failure of the input.

    `run_s` is how long the container worked on it; `load_s` how long it took to load the model,
    where this is the first answer of the container, else 0.
    """

    scores: tuple[ModalScore, ...] = ()
    failure: InputFailure | None = None
    provider: str
    normalize_ms: float = 0.0
    queue_ms: float = 0.0
    run_ms: float = 0.0
    batch_rows: int = 0
    run_s: float = Field(ge=0)
    load_s: float = Field(ge=0)

    @classmethod
    def of(cls, scores: Scores, run_s: float, load_s: float) -> Self:
        """What an engine found."""
        items = tuple(
            ModalScore(
                probability=score.probability,
                tokens=score.tokens,
                windows=score.windows,
                truncated=score.truncated,
            )
            for score in scores.items
        )
        timings = scores.timings
        return cls(
            scores=items,
            provider=scores.provider,
            normalize_ms=timings.normalize_ms,
            queue_ms=timings.queue_ms,
            run_ms=timings.run_ms,
            batch_rows=scores.batch_rows,
            run_s=run_s,
            load_s=load_s,
        )

    @classmethod
    def read(cls, value: object, n_texts: int) -> Self:
        """What a container returned.

        Raises:
            EngineError: malformed_answer; or the failure of the input, which counts for nothing.
        """
        try:
            answer = cls.model_validate(value)
        except ValidationError as exc:
            where = ".".join(map(str, exc.errors()[0]["loc"])) or "the whole"
            raise EngineError(
                "malformed_answer", f"Modal's answer is not as agreed: {where}"
            ) from exc
        if answer.failure is not None:
            raise EngineError(answer.failure.reason, answer.failure.detail, counts=False)
        if len(answer.scores) != n_texts:
            told = f"Modal scored {len(answer.scores)} texts of {n_texts}"
            raise EngineError("malformed_answer", told)
        return answer

    @property
    def items(self) -> tuple[Score, ...]:
        """As every engine gives them."""
        return tuple(
            Score(one.probability, one.tokens, one.windows, one.truncated) for one in self.scores
        )

    @property
    def timings(self) -> EngineTimings:
        """Inside of the container."""
        return EngineTimings(self.load_s * 1e3, self.normalize_ms, self.queue_ms, self.run_ms)
