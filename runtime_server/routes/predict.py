"""`POST /predict` and `POST /batch-predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from fastapi import APIRouter, Request

from runtime_server.catalogue import Catalogue
from runtime_server.deadline import Deadline
from runtime_server.delegation import Delegation
from runtime_server.errors import (
    AllBackendsFailedError,
    BodyTooLargeError,
    DeadlineExceededError,
    InvalidRequestError,
    MalformedBodyError,
    ModelNotFoundError,
    OverloadedError,
    ServerError,
    TextTooLongError,
    TextTooShortError,
    TooManyTextsError,
    UnsupportedMediaTypeError,
)
from runtime_server.problems import Problem, documented
from runtime_server.requests import BatchPredictRequest, PredictRequest, TextLimits, Wishes
from runtime_server.result import BatchPredictResult, ErrorItem, PredictResult
from runtime_server.router import Router, Scored

COMMON_ERRORS = (
    MalformedBodyError,
    ModelNotFoundError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    InvalidRequestError,
    AllBackendsFailedError,
    OverloadedError,
    DeadlineExceededError,
)


@dataclass(frozen=True)
class Predictor:
    """Texts and wishes to results."""

    catalogue: Catalogue
    router: Router
    limits: TextLimits
    max_batch_items: int
    deadline: Deadline

    async def predict(self, request: PredictRequest, root_path: str) -> PredictResult:
        """The result of one text. Raises ServerError."""
        (result,) = await self._results(request, (self.limits.check(request.text),), root_path)
        return result

    async def predict_batch(
        self, request: BatchPredictRequest, root_path: str
    ) -> BatchPredictResult:
        """One item per text. Raises ServerError for what concerns the whole batch."""
        n_texts = len(request.texts)
        if n_texts > self.max_batch_items:
            raise TooManyTextsError(
                f"the batch has {n_texts} texts, the most is {self.max_batch_items}",
                length=n_texts,
                limit=self.max_batch_items,
            )
        checked = tuple(map(self._checked, request.texts))
        texts = [item for item in checked if isinstance(item, str)]
        results = iter(await self._results(request, texts, root_path))
        return BatchPredictResult(
            results=tuple(
                next(results) if isinstance(item, str) else ErrorItem(error=item)
                for item in checked
            )
        )

    def _checked(self, text: object) -> str | Problem:
        try:
            return self.limits.check(text)
        except ServerError as exc:
            return Problem.of(exc)

    async def _results(
        self, wishes: Wishes, texts: Sequence[str], root_path: str
    ) -> tuple[PredictResult, ...]:
        began = perf_counter()
        artifact = self.catalogue.choose(wishes.model_id, wishes.variant).artifact
        if not texts:
            return ()
        answer = await self.router.answer(artifact, texts, wishes.preferences)
        latency_ms = (perf_counter() - began) * 1e3
        if isinstance(answer, Scored):
            return tuple(
                PredictResult.scored(
                    artifact.manifest,
                    answer,
                    score,
                    threshold=wishes.threshold,
                    latency_ms=latency_ms,
                )
                for score in answer.scores.items
            )
        result = PredictResult.delegated(
            artifact.manifest,
            Delegation.of(artifact.manifest, root_path),
            answer.fallbacks,
            threshold=wishes.threshold,
            latency_ms=latency_ms,
        )
        return (result,) * len(texts)


def predict_router(predictor: Predictor) -> APIRouter:
    """The routes that judge texts."""
    router = APIRouter(tags=["predict"])

    @router.post(
        "/predict", responses=documented(*COMMON_ERRORS, TextTooShortError, TextTooLongError)
    )
    async def predict(body: PredictRequest, request: Request) -> PredictResult:
        """The calibrated probability that a text was written by an AI."""
        work = predictor.predict(body, _root_path(request))
        return await predictor.deadline.run(request, work)

    @router.post("/batch-predict", responses=documented(*COMMON_ERRORS, TooManyTextsError))
    async def batch_predict(body: BatchPredictRequest, request: Request) -> BatchPredictResult:
        """The same for several texts; a text that cannot be taken fails alone."""
        work = predictor.predict_batch(body, _root_path(request))
        return await predictor.deadline.run(request, work)

    return router


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
