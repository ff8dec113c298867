"""What a client raises: the server said no, or it could not be asked.

Bytes that are not what a manifest promises raise registry.DigestMismatchError, as everywhere.
"""

from collections.abc import Mapping
from typing import Final

from runtime_server.errors import ClientError
from runtime_server.problem import Problem

UNEXPECTED_ANSWER: Final = "unexpected_answer"
_ADVICE: Final[Mapping[str, str]] = {
    "too_many_texts": "Send fewer, or use stream_batch, which cuts them into several requests.",
    "deadline_exceeded": "Give it a longer timeout, or a shorter text.",
    "overloaded": "Come again later, or give it a longer timeout or more attempts.",
    "not_ready": "The server is starting: come again in a moment.",
    UNEXPECTED_ANSWER: "Is this the address of a Samegraph server of about this version?",
    "http_401": "Give the client an api_key that this server knows.",
    "http_403": "Give the client an api_key that may do this.",
}


class ApiError(ClientError):
    """The server answered, and the answer is an error.

    `code` is stable and is what to match on; it is `http_` and the status where the answer was no
    problem of this server's (a proxy's page, perhaps), and `problem` is None then.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        problem: Problem | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.problem = problem
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        extra = (self.problem.model_extra or {}) if self.problem else {}
        advice = extra.get("suggestion") or _ADVICE.get(self.code, "")
        request = f"(request {self.request_id})" if self.request_id else ""
        told = f"{self.code}: {self.detail.rstrip('.')}."
        return " ".join(part for part in (told, str(advice), request) if part)


class ServerUnreachableError(ClientError):
    """No connection, or none that lasted until the answer was there.

    `may_pass` where the same request may well succeed a moment later.
    """

    def __init__(self, url: str, reason: str, *, may_pass: bool) -> None:
        self.url = url
        self.reason = reason
        self.may_pass = may_pass
        super().__init__(
            f"{url} cannot be reached: {reason}. Is the address right, and does a server run "
            "there? `python -m runtime_server` starts one."
        )
