"""Every error the server answers with: its status and its stable `code`, in one table.

A class is a row: `status` is what HTTP sees, `code` what clients match on, `title` what people
read. Clients may rely on `code`; titles and details may be reworded.
"""

import math
from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import JsonValue


class ServerError(Exception):
    """Base, and the answer to what nobody foresaw. `extra` becomes members of the problem."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The server failed"

    def __init__(self, detail: str, **extra: JsonValue) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: Mapping[str, JsonValue] = extra

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer, beside those of every error."""
        return {}


class MalformedRequestError(ServerError):
    """What came is not a whole HTTP/1.1 request."""

    status, code, title = 400, "malformed_request", "The request is not valid HTTP"


class MalformedBodyError(ServerError):
    """The body is not JSON."""

    status, code, title = 400, "malformed_body", "The body is not JSON"


class MalformedTensorError(ServerError):
    """The bytes of a tensor are not what the request says that they are."""

    status, code, title = 400, "malformed_tensor", "The tensor cannot be read"


class InvalidRangeError(ServerError):
    """A Range header that contradicts itself."""

    status, code, title = 400, "invalid_range", "The Range header is malformed"


class UnauthorizedError(ServerError):
    """No key, or a wrong one."""

    status, code, title = 401, "unauthorized", "A key is needed"

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110, 11.6.1."""
        return {"WWW-Authenticate": "Bearer"}


class MissingScopeError(ServerError):
    """The key is good, for other routes than this one."""

    status, code, title = 403, "missing_scope", "The key is for something else"

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 6750, 3.1."""
        scope = self.extra.get("scope", "")
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}


class AdminDisabledError(ServerError):
    """The server has no key for its admin routes, so nobody may use them."""

    status, code, title = 403, "admin_disabled", "The admin routes are off"


class RouteNotFoundError(ServerError):
    """No route has this path."""

    status, code, title = 404, "not_found", "No such address"


class ModelNotFoundError(ServerError):
    """The server serves no model of this id or version."""

    status, code, title = 404, "model_not_found", "No such model"


class FileNotListedError(ServerError):
    """The manifest lists no such file."""

    status, code, title = 404, "file_not_found", "The artifact has no such file"


class DemoNotBuiltError(ServerError):
    """The static folder of the demo page does not exist yet."""

    status, code, title = 404, "demo_not_built", "The demo page is not built"


class MethodNotAllowedError(ServerError):
    """The path exists, the method does not."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class RequestTooSlowError(ServerError):
    """The head took longer to come than HEADER_TIMEOUT_S, or the body than BODY_TIMEOUT_S."""

    status, code, title = 408, "request_too_slow", "The request came too slowly"


class PinMismatchError(ServerError):
    """The sha256 in the address is not that of the file as it is now."""

    status, code, title = 409, "sha256_mismatch", "The file has another sha256 now"


class ReloadRefusedError(ServerError):
    """What the registry holds now cannot be served; what was served before still is."""

    status, code, title = 409, "reload_refused", "The registry cannot be taken up"


class BodyTooLargeError(ServerError):
    """More bytes than MAX_BODY_BYTES."""

    status, code, title = 413, "body_too_large", "The body is too large"


class UnsupportedMediaTypeError(ServerError):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Send application/json"


class UnsupportedContentCodingError(ServerError):
    """The body has a Content-Encoding that is not read here."""

    status, code, title = 415, "unsupported_content_coding", "The Content-Encoding is not supported"

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110, 15.5.16."""
        return {"Accept-Encoding": "gzip, deflate"}


class RangeNotSatisfiableError(ServerError):
    """The range lies outside the file."""

    status, code, title = 416, "range_not_satisfiable", "The range is outside the file"


class InvalidRequestError(ServerError):
    """A field is missing, unknown, or has a wrong value; `errors` locates each."""

    status, code, title = 422, "invalid_request", "The request is invalid"


class TextTooShortError(ServerError):
    """Fewer characters than MIN_TEXT_LENGTH."""

    status, code, title = 422, "text_too_short", "The text is too short"


class TextTooLongError(ServerError):
    """More characters than MAX_TEXT_LENGTH."""

    status, code, title = 422, "text_too_long", "The text is too long"


class TooManyTextsError(ServerError):
    """More texts than MAX_BATCH_ITEMS."""

    status, code, title = 422, "too_many_texts", "Too many texts in one batch"


class HeadTooLargeError(ServerError):
    """Request line and headers have more bytes than the server reads."""

    status, code, title = 431, "head_too_large", "The head of the request is too large"


class ComeAgainError(ServerError):
    """Passes by itself: Retry-After says when to come again; None is not known."""

    def __init__(
        self, detail: str, *, retry_after_s: float | None = None, **extra: JsonValue
    ) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        """RFC 9110, 10.2.3: whole seconds."""
        if self.retry_after_s is None:
            return {}
        return {"Retry-After": str(max(1, math.ceil(self.retry_after_s)))}


class UnmeasuredRateError(ServerError):
    """No threshold of the model was measured for this rate; `measured` lists those that were."""

    status, code, title = 422, "unmeasured_rate", "The model has no such threshold"


class RateLimitedError(ComeAgainError):
    """The caller has had as many texts judged as it may for now."""

    status, code, title = 429, "rate_limited", "Too many texts for now"


class KeysUnavailableError(ComeAgainError):
    """The API keys could not be read since the server started."""

    status, code, title = 503, "keys_unavailable", "The keys cannot be read"


class AllBackendsFailedError(ComeAgainError):
    """Every backend of the plan was skipped or failed; `attempts` says why."""

    status, code, title = 503, "all_backends_failed", "All inference backends failed"


class OverloadedError(ComeAgainError):
    """More waits than the server takes."""

    status, code, title = 503, "overloaded", "The server is overloaded"


class DeadlineExceededError(ServerError):
    """The answer took longer than the caller's X-Request-Timeout-Ms, or than REQUEST_TIMEOUT_MS."""

    status, code, title = 504, "deadline_exceeded", "The deadline has passed"

    @classmethod
    def after(cls, milliseconds: int) -> Self:
        """The error of a request that had so much time."""
        return cls(f"no answer within {milliseconds} ms", limit_ms=milliseconds)


class LoadFailedError(ServerError):
    """The model cannot be had in memory; `reason` is the backend's."""

    status, code, title = 503, "load_failed", "The model could not be loaded"


class ArtifactCorruptError(ServerError):
    """The bytes on disk are not those of the manifest, so they are not handed out."""

    status, code, title = 503, "artifact_corrupt", "The artifact on disk is damaged"


class NotReadyError(ServerError):
    """The default model has not answered yet, or no backend can run the model that is meant."""

    status, code, title = 503, "not_ready", "Not ready"

    @property
    def headers(self) -> Mapping[str, str]:
        """A model loads in about that many seconds."""
        return {"Retry-After": "1"}


class EngineError(Exception):
    """A backend's own failure on a valid text: the router moves on to the next backend.

    `counts` is whether it speaks against the backend (breaker.py). It does not where another text
    might have gone well, or another moment. `logged` is whether each one is worth a line.
    """

    logged: ClassVar[bool] = True

    def __init__(self, reason: str, detail: str, *, counts: bool = True) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.counts = counts


class EngineOverloadedError(EngineError):
    """More waits than the backend takes; in about `retry_after_s` seconds it will have worked."""

    logged = False

    def __init__(self, detail: str, *, retry_after_s: float) -> None:
        super().__init__("overloaded", detail, counts=False)
        self.retry_after_s = retry_after_s


class ColdStartError(EngineError):
    """Nothing is up yet; in about `remaining_s` seconds something will be."""

    logged = False

    def __init__(self, remaining_s: float) -> None:
        told = f"a container is starting, for about {remaining_s:.0f} s"
        super().__init__("cold_start", told, counts=False)


class CudaError(EngineError):
    """CUDA was asked for, and does not run the graph."""

    def __init__(self, detail: str) -> None:
        super().__init__("cuda_failed", detail)


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names the variable."""


class StartError(Exception):
    """The server cannot start, for another reason than a setting."""


class ClientError(Exception):
    """What runtime_server.client raises: a server said no, or could not be asked."""
