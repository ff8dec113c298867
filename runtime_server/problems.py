"""Answers every error with a problem: one shape for everything that goes wrong."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.responses import Response

from runtime_server.errors import (
    InvalidRequestError,
    MalformedBodyError,
    MethodNotAllowedError,
    RouteNotFoundError,
    ServerError,
    UnsupportedMediaTypeError,
)
from runtime_server.problem import Problem

MEDIA_TYPE: Final = "application/problem+json"
_LONGEST_ECHO: Final = 100
# Below it, clients of the Open Inference Protocol look for the member `error` and for no other.
_PROTOCOL: Final = "/v2"


def problem_response(
    error: ServerError, instance: str, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for `error`; never cached."""
    problem = Problem.of(error, instance).model_dump(mode="python")
    if instance == _PROTOCOL or instance.startswith(f"{_PROTOCOL}/"):
        problem["error"] = error.detail
    # "replace": a field name from the request may hold a lone surrogate, which UTF-8 cannot.
    body = json.dumps(problem, ensure_ascii=False).encode("utf-8", "replace")
    return Response(
        body, error.status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE
    )


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(ServerError, _on_server_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unforeseen)


def documented(*errors: type[ServerError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for a route that may answer with these errors."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = responses.setdefault(error.status, {"description": error.title, "content": {}})
        media = entry["content"].setdefault(
            MEDIA_TYPE, {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        )
        summary = (error.__doc__ or error.title).strip()
        example = Problem.of(error(summary)).model_dump(exclude_none=True)
        media["examples"][error.code] = {"summary": error.title, "value": example}
    return responses


def either(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """An answer that has the problems of two, each of which has some."""
    problem = {**one["content"][MEDIA_TYPE]}
    problem["examples"] = other["content"][MEDIA_TYPE]["examples"] | problem["examples"]
    titles = dict.fromkeys(example["summary"] for example in problem["examples"].values())
    return {
        **one,
        "description": ", or: ".join(titles),
        "content": {**one["content"], MEDIA_TYPE: problem},
    }


async def _on_server_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServerError)  # noqa: S101  # what it is registered for
    return problem_response(error, request.url.path, error.headers)


async def _on_unforeseen(request: Request, _: Exception) -> Response:
    # What went wrong is in the log, and stays there.
    return problem_response(ServerError("an error that is not the caller's"), request.url.path)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    return problem_response(_translated(error, request), request.url.path, error.headers)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    return problem_response(_explained(error, request), request.url.path)


def _translated(error: HTTPException, request: Request) -> ServerError:
    path = well_shown(request.url.path)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return RouteNotFoundError(f"there is nothing at {path}")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        return MethodNotAllowedError(f"{path} takes {allowed}")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return MalformedBodyError("the body cannot be read as JSON")
    return ServerError("an error that is not the caller's")


def _explained(error: RequestValidationError, request: Request) -> ServerError:
    entries = error.errors()
    first = entries[0]
    if first["type"] == "json_invalid":
        return MalformedBodyError(f"not JSON at character {first['loc'][-1]}")
    if first["loc"] == ("body",) and not declares_json(request):
        return UnsupportedMediaTypeError("send the header Content-Type: application/json")
    located = [_located(entry) for entry in entries]
    details = "; ".join(f"{entry['field']}: {entry['detail']}" for entry in located[:3])
    return InvalidRequestError(details, errors=[*located])


def _located(entry: Mapping[str, Any]) -> dict[str, JsonValue]:
    # Neither the input nor the context: both may hold the text.
    where, *path = map(str, entry["loc"])
    field = well_shown(".".join(path)) or where
    return {"in": where, "field": field, "detail": entry["msg"], "type": entry["type"]}


def well_shown(text: str) -> str:
    """A piece of the request, short enough to be repeated in an answer."""
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"


def declares_json(request: Request) -> bool:
    """Whether the Content-Type says that the body is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
