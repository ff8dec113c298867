"""The headers that mean something to this API, for its OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from runtime_server.deadline import HEADER as DEADLINE

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class ApiHeader:
    """A header of answers or requests: what it says, an example, and its JSON type."""

    told: str
    example: str | int
    type: str = "string"

    @property
    def document(self) -> JsonObject:
        """As OpenAPI says it."""
        schema: JsonObject = {"type": self.type}
        if self.type == "integer":
            schema["minimum"] = 1
        return {"description": self.told, "schema": schema, "example": self.example}


_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SENT: Final[Mapping[str, ApiHeader]] = {
    "X-Request-Id": ApiHeader(
        "What this request is called in the log: the caller's own name for it, where that is "
        "usable. Missing where no request could be read.",
        "order-66",
    ),
    "Server-Timing": ApiHeader(
        "Milliseconds spent on each step (W3C Server Timing).", "queue;dur=0.1, total;dur=1.9"
    ),
    "Retry-After": ApiHeader("Seconds to wait before trying again, where known.", 2, "integer"),
    "RateLimit": ApiHeader(
        "Texts that the caller may still have judged (r), and seconds until there are more (t).",
        '"texts";r=550;t=42',
    ),
    "RateLimit-Policy": ApiHeader("Texts (q) in so many seconds (w).", '"texts";q=600;w=60'),
    "Allow": ApiHeader("The methods that this address takes.", "POST"),
    "WWW-Authenticate": ApiHeader("How to say who is asking.", "Bearer"),
    "Accept-Encoding": ApiHeader("Content codings of bodies that are taken.", "gzip, deflate"),
    "ETag": ApiHeader("The file's sha256, in quotes.", f'"{_SHA256}"'),
    "Cache-Control": ApiHeader("`immutable` for an address that pins the sha256.", "no-cache"),
    "Repr-Digest": ApiHeader(
        "The file's sha256 in base64 (RFC 9530).",
        "sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:",
    ),
    "Accept-Ranges": ApiHeader("Ranges of bytes can be asked for.", "bytes"),
    "Content-Range": ApiHeader("Which part of how many bytes this is.", "bytes 0-1023/26064"),
}
TAKEN: Final[Mapping[str, ApiHeader]] = {
    "X-Request-Id": ApiHeader(
        "The caller's name for this request: 1 to 128 letters, digits, and . _ : -; another one "
        "is given to it otherwise.",
        "order-66",
    ),
    DEADLINE: ApiHeader(
        "Longest that the answer may take, in milliseconds; REQUEST_TIMEOUT_MS of the server is "
        "the most.",
        5000,
        "integer",
    ),
    "If-None-Match": ApiHeader("ETags of copies that the caller has.", f'"{_SHA256}"'),
    "Range": ApiHeader("Which bytes to send.", "bytes=0-1023"),
    "If-Range": ApiHeader("The ETag for which Range holds; the whole file otherwise.", '"x"'),
}

_LIMITS: Final = ("RateLimit", "RateLimit-Policy")
_OF_FILES: Final = ("If-None-Match", "Range", "If-Range")
_FILE: Final = ("ETag", "Cache-Control", "Repr-Digest", "Accept-Ranges")
_FILE_ANSWERS: Final = {
    "200": _FILE,
    "206": (*_FILE, "Content-Range"),
    "304": ("ETag", "Cache-Control", "Repr-Digest"),
}
# By operation, beside X-Request-Id, which all take and send.
_TAKEN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "POST /predict": (DEADLINE,),
    "POST /batch-predict": (DEADLINE,),
    "POST /v2/models/{model}/infer": (DEADLINE,),
    "POST /v2/models/{model}/versions/{version}/infer": (DEADLINE,),
    "GET /models/{model}": _OF_FILES,
    "GET /models/{model}/download": _OF_FILES,
}
_SENT_BY: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "POST /predict": {"200": ("Server-Timing", *_LIMITS)},
    "POST /batch-predict": {"200": _LIMITS},
    "POST /v2/models/{model}/infer": {"200": ("Server-Timing", *_LIMITS)},
    "POST /v2/models/{model}/versions/{version}/infer": {"200": ("Server-Timing", *_LIMITS)},
    "GET /models/{model}": _FILE_ANSWERS,
    "GET /models/{model}/download": _FILE_ANSWERS,
}
_SENT_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "415": ("Accept-Encoding",),
    "416": ("Content-Range",),
    "429": ("Retry-After", *_LIMITS),
    "503": ("Retry-After",),
}


def header_parameters(operation: str) -> list[JsonObject]:
    """References to the headers that an operation, such as `POST /predict`, takes."""
    names = ("X-Request-Id", *_TAKEN_BY.get(operation, ()))
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def header_references(operation: str, status: str) -> JsonObject:
    """References to the headers that an operation's answer of this status may have."""
    own = _SENT_BY.get(operation, {}).get(status, ())
    names = ("X-Request-Id", *_SENT_WITH.get(status, ()), *own)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def header_components() -> JsonObject:
    """What `header_references` points to."""
    return {name: header.document for name, header in SENT.items()}


def parameter_components() -> JsonObject:
    """What `header_parameters` points to."""
    return {
        name: {"name": name, "in": "header", "required": False, **header.document}
        for name, header in TAKEN.items()
    }
