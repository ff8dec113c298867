"""`POST /v2/models/{model}/infer`: texts as tensors, by the Open Inference Protocol."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from runtime_server.access.api_key import KeyScope
from runtime_server.access.guard import Guard, guarded
from runtime_server.content_coding import accepted_coding, encoded
from runtime_server.errors import (
    AllBackendsFailedError,
    BodyTooLargeError,
    DeadlineExceededError,
    InvalidRequestError,
    MalformedBodyError,
    MalformedTensorError,
    ModelNotFoundError,
    OverloadedError,
    RateLimitedError,
    TextTooLongError,
    TextTooShortError,
    TooManyTextsError,
    UnsupportedContentCodingError,
)
from runtime_server.infer_request import InferRequest
from runtime_server.infer_response import InferResponse, infer_answer
from runtime_server.problems import documented
from runtime_server.routes.inference_protocol import TAG, ModelName, ModelVersion, named
from runtime_server.routes.predict import Predictor, server_timing
from runtime_server.tensor_body import HEADER, TensorBody
from runtime_server.tensor_route import tensor_route

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
# A shorter answer is not worth the work.
_WORTH_CODING: Final = 1024
_BYTES: Final = {BINARY: {"schema": {"type": "string", "format": "binary"}}}
_RESPONSES: Final = {
    200: {
        "description": f"JSON; with binary outputs their bytes behind it, and {HEADER}",
        "content": _BYTES,
    },
    **documented(
        MalformedBodyError,
        MalformedTensorError,
        ModelNotFoundError,
        BodyTooLargeError,
        UnsupportedContentCodingError,
        InvalidRequestError,
        TextTooShortError,
        TextTooLongError,
        TooManyTextsError,
        RateLimitedError,
        AllBackendsFailedError,
        OverloadedError,
        DeadlineExceededError,
    ),
}
_OPENAPI: Final = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "description": "Bytes of the JSON, where a tensor follows it; the body is then "
            f"{BINARY}.",
            "schema": {"type": "integer", "minimum": 1},
        }
    ],
    "requestBody": {"content": _BYTES},
}


def infer_router(predictor: Predictor, guard: Guard, most_bytes: int) -> APIRouter:
    """The routes that judge texts for clients such as tritonclient."""
    kind = guarded(guard, KeyScope.PREDICT, tensor_route(most_bytes))
    routes = APIRouter(prefix="/v2", tags=[TAG], route_class=kind)

    @routes.post(
        "/models/{model}/infer",
        response_model=InferResponse,
        responses=_RESPONSES,
        openapi_extra=_OPENAPI,
    )
    async def infer(model: ModelName, body: InferRequest, request: Request) -> Response:
        """The probability of each text, or an error that names the first bad one."""
        return await _answer(model, body, request)

    @routes.post(
        "/models/{model}/versions/{version}/infer",
        response_model=InferResponse,
        responses=_RESPONSES,
        openapi_extra=_OPENAPI,
    )
    async def infer_version(
        model: ModelName, version: ModelVersion, body: InferRequest, request: Request
    ) -> Response:
        """The same, by this version of the model."""
        return await _answer(named(model, version), body, request)

    async def _answer(reference: str, body: InferRequest, request: Request) -> Response:
        wishes = body.wishes
        artifact = predictor.catalogue.current.choose(reference, wishes.variant).artifact
        request.state.model = artifact.manifest.reference  # for the metrics
        expiry = predictor.deadline.expiry(request, wishes.timeout_ms)
        (tensor,) = body.inputs
        predictor.require_taken(tensor.shape[0])
        await predictor.quota.take(request, tensor.shape[0])
        batch = body.batch(tensor.texts(request.state.tensors))
        root_path = str(request.scope.get("root_path", ""))
        work = predictor.predict_all(batch, artifact, root_path, expiry)
        results = await predictor.deadline.run(request, expiry, work)
        answer = infer_answer(body, artifact.manifest, results)
        timing = {"Server-Timing": server_timing(results[0])}
        return _response(answer, request.headers.get("accept-encoding", ""), timing)

    return routes


def _response(answer: TensorBody, accept_encoding: str, headers: Mapping[str, str]) -> Response:
    content, sent = answer.joined, dict(headers)
    if answer.tensors:
        sent[HEADER] = str(len(answer.document))
    coding = accepted_coding(accept_encoding)
    if coding is not None and len(content) >= _WORTH_CODING:
        content, sent["Content-Encoding"] = encoded(content, coding), coding
    return Response(content, headers=sent, media_type=BINARY if answer.tensors else JSON)
