"""What callers get back: the same fields from every backend."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from registry import Backend, Manifest
from registry.cautions import Caution, cautions
from runtime_server.answer import Scored
from runtime_server.delegation import Delegation
from runtime_server.engine import Score
from runtime_server.problem import Problem
from runtime_server.routing import Skip


class Value(BaseModel):
    """Immutable."""

    model_config = ConfigDict(frozen=True)


class Fallback(Value):
    """A backend that was passed over, or failed, before the one that answered."""

    backend: Backend
    reason: str

    @classmethod
    def of(cls, skips: Sequence[Skip]) -> tuple[Self, ...]:
        """The skips, without their details."""
        return tuple(cls(backend=skip.backend, reason=skip.reason) for skip in skips)


class Timings(Value):
    """Milliseconds. In a batch they are those of the whole batch."""

    load: float = 0.0
    normalize: float = 0.0
    queue: float = 0.0
    run: float = 0.0


class JudgedSegment(Value):
    """A part of the text (docs/segments.md), judged as if it were all; places are code points."""

    start: int
    end: int
    probability: float
    mean_log_probability: float | None = Field(
        None,
        description="of the segment's tokens, as the whole text was read; language models only",
    )


class Metadata(Value):
    """What the answer rests on. Null where a delegation leaves it to the caller."""

    artifact_digest: str
    model_sha256: str
    model_version: str
    variant: str | None = Field(description="null for the model itself")
    provider: str | None
    quantization: str
    tokens: int | None = Field(description="null where the graph reads text itself")
    windows: int | None
    truncated: bool | None
    threshold: float
    fallbacks: tuple[Fallback, ...]
    warnings: tuple[Caution, ...] = Field(
        (), description="`too_short`, `uncertain`: why the answer should not be relied on"
    )
    segments: tuple[JudgedSegment, ...] | None = Field(
        None, description="where the request said `explain`, and the server judged"
    )
    cached: bool = Field(False, description="whether an earlier request has computed it")
    cost_usd: float | None = Field(
        None, description="what Modal costs for this text; null on other backends"
    )
    timings_ms: Timings
    delegation: Delegation | None = None


class PredictResult(Value):
    """The judgement of one text; the first four fields are null in a delegation."""

    prediction: int | None = Field(description="1 where probability >= threshold: AI-written")
    probability: float | None = Field(description="calibrated probability of AI-written, 0 to 1")
    confidence: float | None = Field(description="|2 probability - 1|")
    is_fake: bool | None = Field(description="prediction == 1")
    backend: Backend
    model_id: str
    latency_ms: float
    metadata: Metadata

    @classmethod
    def scored(
        cls,
        manifest: Manifest,
        answer: Scored,
        score: Score,
        *,
        text: str,
        threshold: float,
        latency_ms: float,
        segments: tuple[JudgedSegment, ...] | None = None,
    ) -> Self:
        """The result of a text that a backend of this server judged."""
        is_ai = score.probability >= threshold
        timings = answer.scores.timings
        return cls(
            prediction=int(is_ai),
            probability=score.probability,
            confidence=abs(2 * score.probability - 1),
            is_fake=is_ai,
            backend=answer.backend,
            model_id=manifest.model_id,
            latency_ms=latency_ms,
            metadata=Metadata(
                artifact_digest=manifest.digest,
                model_sha256=manifest.model.sha256,
                model_version=manifest.version,
                variant=manifest.variant,
                provider=answer.scores.provider,
                quantization=manifest.quantization.scheme.value,
                tokens=score.tokens,
                windows=score.windows,
                truncated=score.truncated,
                threshold=threshold,
                fallbacks=Fallback.of(answer.fallbacks),
                warnings=cautions(text, score.probability, threshold, manifest.decision),
                segments=segments,
                cached=score.cached,
                cost_usd=answer.scores.cost_usd_of(score),
                timings_ms=Timings(
                    load=timings.load_ms,
                    normalize=timings.normalize_ms,
                    queue=timings.queue_ms,
                    run=timings.run_ms,
                ),
            ),
        )

    @classmethod
    def delegated(
        cls,
        manifest: Manifest,
        delegation: Delegation,
        fallbacks: Sequence[Skip],
        *,
        threshold: float,
        latency_ms: float,
    ) -> Self:
        """The result that hands the work to the caller."""
        return cls(
            prediction=None,
            probability=None,
            confidence=None,
            is_fake=None,
            backend=Backend.CLIENT_SIDE,
            model_id=manifest.model_id,
            latency_ms=latency_ms,
            metadata=Metadata(
                artifact_digest=manifest.digest,
                model_sha256=manifest.model.sha256,
                model_version=manifest.version,
                variant=manifest.variant,
                provider=None,
                quantization=manifest.quantization.scheme.value,
                tokens=None,
                windows=None,
                truncated=None,
                threshold=threshold,
                fallbacks=Fallback.of(fallbacks),
                warnings=(),
                segments=None,
                cached=False,
                cost_usd=None,
                timings_ms=Timings(),
                delegation=delegation,
            ),
        )


class ErrorItem(Value):
    """A text of a batch that could not be taken."""

    error: Problem


BatchItem = PredictResult | ErrorItem


class BatchPredictResult(Value):
    """One item per text, in the order of the texts."""

    results: tuple[BatchItem, ...]


class BatchLine(Value):
    """A line of a streamed batch: the text's place, an HTTP status of its own, what it got."""

    index: int
    status: int
    result: PredictResult | None = None
    error: Problem | None = None

    @classmethod
    def of(cls, index: int, item: BatchItem) -> Self:
        """The line that says what `item` says."""
        if isinstance(item, ErrorItem):
            return cls(index=index, status=item.error.status, error=item.error)
        return cls(index=index, status=200, result=item)

    @property
    def item(self) -> BatchItem:
        """What `of` was given. Raises ValueError where the line holds neither."""
        if self.result is not None:
            return self.result
        if self.error is not None:
            return ErrorItem(error=self.error)
        raise ValueError(f"line {self.index} holds neither a result nor an error")
