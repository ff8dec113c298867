"""Completes the OpenAPI document: what FastAPI cannot know of the answers, and what repeats."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from runtime_server.access.guard import SECURITY_SCHEMES
from runtime_server.api_headers import (
    header_components,
    header_parameters,
    header_references,
    parameter_components,
)
from runtime_server.errors import (
    BodyTooLargeError,
    HeadTooLargeError,
    MalformedRequestError,
    MethodNotAllowedError,
    OverloadedError,
    RequestTooSlowError,
    ServerError,
)
from runtime_server.problem import Problem
from runtime_server.problems import documented, either
from runtime_server.requests import TextLimits
from runtime_server.result import BatchLine

JsonObject = dict[str, Any]

DESCRIPTION: Final = """One text detector, the same answer on every backend.

Every error is an `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) \
with a `code` that stays; titles and details may be reworded. Bodies are JSON in UTF-8. What is \
read by GET answers HEAD too, with the same headers."""
EXAMPLES: Final = Path(__file__).with_name("openapi_examples.json")
ERRORS_OF_ALL: Final[tuple[type[ServerError], ...]] = (
    MalformedRequestError,
    MethodNotAllowedError,
    RequestTooSlowError,
    HeadTooLargeError,
    ServerError,
    OverloadedError,
)
# FastAPI's own shape of a 422, which is never sent.
_NEVER_SENT: Final = ("HTTPValidationError", "ValidationError")


@dataclass(frozen=True)
class RequestLimits:
    """What the settings allow a body to hold."""

    text: TextLimits
    max_batch_items: int


class DocumentedApi(FastAPI):
    """FastAPI whose OpenAPI document is complete."""

    def __init__(self, limits: RequestLimits, **given: Any) -> None:  # noqa: ANN401
        super().__init__(description=DESCRIPTION, **given)
        self._limits = limits

    def openapi(self) -> JsonObject:
        """The document; made once."""
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi(), self._limits)
        return self.openapi_schema


def completed(document: JsonObject, limits: RequestLimits) -> JsonObject:
    """A copy in which every operation has its summary, every answer, its headers and examples."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    whole = copy.deepcopy(document)
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            _tell_summary(operation)
            _tell_parameters(operation, name)
            _tell_errors(operation, method)
            _tell_headers(operation, name)
            _tell_examples(operation, examples.get(name, {}))
    _tell_components(whole.setdefault("components", {}), limits)
    return whole


def _tell_summary(operation: JsonObject) -> None:
    summary, _, rest = operation.pop("description", operation["summary"]).partition("\n\n")
    operation["summary"] = summary.replace("\n", " ").removesuffix(".")
    if rest:
        operation["description"] = rest


def _tell_parameters(operation: JsonObject, name: str) -> None:
    own = operation.get("parameters", [])
    operation["parameters"] = [*own, *header_parameters(name)]


def _tell_errors(operation: JsonObject, method: str) -> None:
    responses = operation["responses"]
    if _NEVER_SENT[0] in json.dumps(responses.get("422", {})):
        del responses["422"]
    with_body = (BodyTooLargeError,) if method not in ("get", "head") else ()
    for status, entry in documented(*ERRORS_OF_ALL, *with_body).items():
        own = responses.get(str(status))
        responses[str(status)] = entry if own is None else either(own, entry)
    operation["responses"] = dict(sorted(responses.items()))


def _tell_headers(operation: JsonObject, name: str) -> None:
    for status, response in operation["responses"].items():
        response["headers"] = {
            **response.get("headers", {}),
            **header_references(name, status),
        }


def _tell_examples(operation: JsonObject, by_media_type: Mapping[str, object]) -> None:
    content = operation["responses"].get("200", {}).get("content", {})
    for media_type, entry in content.items():
        example = by_media_type.get(media_type.partition(";")[0])
        if example is not None:
            entry.setdefault("example", example)


def _tell_components(components: JsonObject, limits: RequestLimits) -> None:
    schemas = components.setdefault("schemas", {})
    for name in _NEVER_SENT:
        schemas.pop(name, None)
    for name, schema in _models().items():
        schemas.setdefault(name, schema)
    text = schemas["PredictRequest"]["properties"]["text"]
    text |= {"minLength": limits.text.shortest, "maxLength": limits.text.longest}
    schemas["BatchPredictRequest"]["properties"]["texts"]["maxItems"] = limits.max_batch_items
    components["securitySchemes"] = dict(SECURITY_SCHEMES)
    components["headers"] = header_components()
    components["parameters"] = parameter_components()


def _models() -> Mapping[str, JsonObject]:
    """Schemas that no route names as its model, and those that they rest on."""
    found: dict[str, JsonObject] = {}
    for model in (Problem, BatchLine):
        schema = model.model_json_schema(
            mode="serialization", ref_template="#/components/schemas/{model}"
        )
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found
