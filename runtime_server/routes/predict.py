"""`POST /predict` and `POST /batch-predict`."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count, islice
from time import perf_counter
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from registry import Artifact
from runtime_server.access.api_key import KeyScope
from runtime_server.access.guard import Guard, guarded
from runtime_server.access.quota import Quota
from runtime_server.answer import Scored
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
    RateLimitedError,
    ServerError,
    TextTooLongError,
    TextTooShortError,
    TooManyTextsError,
    UnmeasuredRateError,
    UnsupportedContentCodingError,
    UnsupportedMediaTypeError,
)
from runtime_server.expiry import Expiry
from runtime_server.explained import Explained
from runtime_server.json_body import json_route
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.problem import Problem
from runtime_server.problems import documented
from runtime_server.requests import BatchPredictRequest, PredictRequest, TextLimits, Wishes
from runtime_server.result import (
    BatchItem,
    BatchLine,
    BatchPredictResult,
    ErrorItem,
    PredictResult,
)
from runtime_server.router import Router

NDJSON: Final = "application/x-ndjson"
# Texts of a stream that are under way together, twice: enough to fill batches, few enough to hold.
STREAMED_AT_ONCE: Final = 32
COMMON_ERRORS = (
    MalformedBodyError,
    ModelNotFoundError,
    BodyTooLargeError,
    UnsupportedMediaTypeError,
    UnsupportedContentCodingError,
    InvalidRequestError,
    UnmeasuredRateError,
    RateLimitedError,
    AllBackendsFailedError,
    OverloadedError,
    DeadlineExceededError,
)


@dataclass(frozen=True)
class Predictor:
    """Texts and wishes to results."""

    catalogue: LiveCatalogue
    router: Router
    limits: TextLimits
    max_batch_items: int
    deadline: Deadline
    quota: Quota

    def choose(self, wishes: Wishes) -> Artifact:
        """What the request is for. Raises ModelNotFoundError."""
        return self.catalogue.current.choose(wishes.model_id, wishes.variant).artifact

    async def predict(
        self, request: PredictRequest, artifact: Artifact, root_path: str, expiry: Expiry
    ) -> PredictResult:
        """The result of one text. Raises ServerError."""
        texts = (self.limits.check(request.text),)
        (result,) = await self._results(request, artifact, texts, root_path, expiry)
        return result

    async def predict_batch(
        self, request: BatchPredictRequest, artifact: Artifact, root_path: str, expiry: Expiry
    ) -> BatchPredictResult:
        """One item per text. Raises ServerError for what concerns the whole batch."""
        return BatchPredictResult(
            results=await self._items(request, artifact, request.texts, root_path, expiry)
        )

    async def predict_all(
        self, request: BatchPredictRequest, artifact: Artifact, root_path: str, expiry: Expiry
    ) -> tuple[PredictResult, ...]:
        """One result per text. Raises ServerError; that of a text names its `index`."""
        texts = tuple(self._required(text, index) for index, text in enumerate(request.texts))
        return await self._results(request, artifact, texts, root_path, expiry)

    async def stream(
        self, request: BatchPredictRequest, artifact: Artifact, root_path: str, expiry: Expiry
    ) -> AsyncGenerator[BatchLine]:
        """A line per text, in order; the next texts are under way while these are sent.

        What concerns the whole batch comes before the first line: see `require_taken`. Texts
        whose time is up get lines that say so.
        """
        coming: deque[asyncio.Task[tuple[BatchItem, ...]]] = deque()
        parts = iter(range(0, len(request.texts), STREAMED_AT_ONCE))

        def begin() -> None:
            for start in islice(parts, 1):
                texts = request.texts[start : start + STREAMED_AT_ONCE]
                part = expiry.of_a_part
                work = self._items_or_errors(request, artifact, texts, root_path, part)
                coming.append(asyncio.ensure_future(work))

        begin()
        begin()
        index = count()
        try:
            while coming:
                items = await coming[0]
                coming.popleft()
                begin()
                for item in items:
                    yield BatchLine.of(next(index), item)
        finally:
            for task in coming:
                task.cancel()

    def require_taken(self, n_texts: int) -> None:
        """Raises TooManyTextsError."""
        if n_texts > self.max_batch_items:
            raise TooManyTextsError(
                f"the batch has {n_texts} texts, the most is {self.max_batch_items}",
                length=n_texts,
                limit=self.max_batch_items,
            )

    async def _items_or_errors(
        self,
        wishes: Wishes,
        artifact: Artifact,
        texts: Sequence[object],
        root_path: str,
        expiry: Expiry,
    ) -> tuple[BatchItem, ...]:
        try:
            async with asyncio.timeout_at(expiry.at):
                return await self._items(wishes, artifact, texts, root_path, expiry)
        except TimeoutError:
            error: ServerError = DeadlineExceededError.after(expiry.milliseconds)
        except ServerError as exc:
            error = exc
        return (ErrorItem(error=Problem.of(error)),) * len(texts)

    async def _items(
        self,
        wishes: Wishes,
        artifact: Artifact,
        texts: Sequence[object],
        root_path: str,
        expiry: Expiry,
    ) -> tuple[BatchItem, ...]:
        checked = tuple(map(self._checked, texts))
        taken = [item for item in checked if isinstance(item, str)]
        results = iter(await self._results(wishes, artifact, taken, root_path, expiry))
        return tuple(
            next(results) if isinstance(item, str) else ErrorItem(error=item) for item in checked
        )

    def _checked(self, text: object) -> str | Problem:
        try:
            return self.limits.check(text)
        except ServerError as exc:
            return Problem.of(exc)

    def _required(self, text: object, index: int) -> str:
        try:
            return self.limits.check(text)
        except ServerError as exc:
            raise type(exc)(f"element {index}: {exc.detail}", **exc.extra, index=index) from None

    async def _results(
        self,
        wishes: Wishes,
        artifact: Artifact,
        texts: Sequence[str],
        root_path: str,
        expiry: Expiry,
    ) -> tuple[PredictResult, ...]:
        began = perf_counter()
        if not texts:
            return ()
        threshold = wishes.decision_threshold(artifact.manifest)
        asked = Explained.of(texts) if wishes.explain else Explained.not_at_all(texts)
        answer = await self.router.answer(
            artifact, asked.all_texts, wishes.preferences, expiry, token_level=wishes.explain
        )
        latency_ms = (perf_counter() - began) * 1e3
        if isinstance(answer, Scored):
            return tuple(
                PredictResult.scored(
                    artifact.manifest,
                    answer,
                    score,
                    text=text,
                    threshold=threshold,
                    latency_ms=latency_ms,
                    segments=segments,
                )
                for text, score, segments in asked.sorted(answer.scores.items)
            )
        result = PredictResult.delegated(
            artifact.manifest,
            Delegation.of(artifact.manifest, root_path),
            answer.fallbacks,
            threshold=threshold,
            latency_ms=latency_ms,
        )
        return (result,) * len(texts)


def predict_router(predictor: Predictor, guard: Guard, most_bytes: int) -> APIRouter:
    """The routes that judge texts, from bodies of at most `most_bytes`."""
    kind = guarded(guard, KeyScope.PREDICT, json_route(most_bytes))
    router = APIRouter(tags=["predict"], route_class=kind)

    @router.post(
        "/predict",
        response_model=PredictResult,
        responses=documented(*COMMON_ERRORS, TextTooShortError, TextTooLongError),
    )
    async def predict(body: PredictRequest, request: Request) -> Response:
        """The calibrated probability that a text was written by an AI."""
        artifact = _chosen(predictor, body, request)
        await predictor.quota.take(request, 1)
        expiry = predictor.deadline.expiry(request, body.timeout_ms)
        work = predictor.predict(body, artifact, _root_path(request), expiry)
        result = await predictor.deadline.run(request, expiry, work)
        # As JSON: FastAPI would validate once more what has just been built.
        headers = {"Server-Timing": server_timing(result)}
        return Response(result.model_dump_json(), headers=headers, media_type="application/json")

    @router.post(
        "/batch-predict",
        response_model=BatchPredictResult,
        responses={
            200: {"content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchLine"}}}},
            **documented(*COMMON_ERRORS, TooManyTextsError),
        },
    )
    async def batch_predict(
        body: BatchPredictRequest, request: Request
    ) -> BatchPredictResult | Response:
        """The same for several texts; a text that cannot be taken fails alone.

        With `Accept: application/x-ndjson` the answer is a line of JSON per text, in order, as soon
        as it is there.
        """
        artifact = _chosen(predictor, body, request)
        predictor.require_taken(len(body.texts))
        await predictor.quota.take(request, len(body.texts))
        expiry = predictor.deadline.expiry(request, body.timeout_ms)
        if NDJSON in request.headers.get("accept", ""):
            lines = predictor.stream(body, artifact, _root_path(request), expiry)
            return StreamingResponse(_encoded(lines), media_type=NDJSON)
        work = predictor.predict_batch(body, artifact, _root_path(request), expiry)
        return await predictor.deadline.run(request, expiry, work)

    return router


async def _encoded(lines: AsyncGenerator[BatchLine]) -> AsyncIterator[bytes]:
    async with aclosing(lines):
        async for line in lines:
            yield line.model_dump_json(exclude_none=False).encode() + b"\n"


def server_timing(result: PredictResult) -> str:
    """The answer's timings as a header (W3C Server Timing), which browsers show."""
    spent = result.metadata.timings_ms.model_dump() | {"total": result.latency_ms}
    return ", ".join(f"{name};dur={value:.3f}" for name, value in spent.items())


def _chosen(predictor: Predictor, wishes: Wishes, request: Request) -> Artifact:
    artifact = predictor.choose(wishes)
    request.state.model = artifact.manifest.reference  # for the metrics
    return artifact


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", ""))
