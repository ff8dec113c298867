"""What is asked of a server: one value per question, made without I/O."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from registry import Backend, Manifest
from registry.manifest import ArtifactFile
from runtime_server.backend_list import BackendList
from runtime_server.health import Health, Ready
from runtime_server.model_list import ModelList
from runtime_server.result import BatchLine, BatchPredictResult, PredictResult

NDJSON: Final = "application/x-ndjson"

Http = httpx.Client | httpx.AsyncClient
T = TypeVar("T", bound=BaseModel)


class Wished(TypedDict, total=False):
    """What a request may say beside its texts; what is None or left out is not said.

    `model_id`: `id` or `id@version`. `variant`: such as `int8_token`. `prefer_backend`: try it
    first. `client_capabilities`: `["client_side"]` where the caller can run models itself.
    `threshold`: decide at this probability, 0 to 1, instead of the model's own;
    `max_false_positive_rate`: at the threshold that was measured to flag at most this share of
    texts by humans. `explain`: say how each part of a text would be judged alone.
    """

    model_id: str | None
    variant: str | None
    prefer_backend: Backend | Literal["local", "modal", "client_side"] | None
    client_capabilities: Sequence[Literal["client_side"]] | None
    threshold: float | None
    max_false_positive_rate: float | None
    explain: bool | None


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and what its answer is; of a stream, what each line is."""

    answer: type[T]
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """POST where there is something to send."""
        return "GET" if self.body is None else "POST"

    def request(
        self, http: Http, wait_s: float, headers: Mapping[str, str] | None = None
    ) -> httpx.Request:
        """The same for httpx, to wait `wait_s` seconds for the connection and for each byte."""
        return http.build_request(
            self.method,
            self.path,
            content=self.body,
            headers={**self.headers, **(headers or {})},
            timeout=wait_s,
        )


def predict(text: str, wishes: Wished) -> Call[PredictResult]:
    """One text."""
    return _sent(PredictResult, "/predict", {"text": text}, wishes)


def predict_batch(texts: Iterable[str], wishes: Wished) -> Call[BatchPredictResult]:
    """Several texts, answered together."""
    return _sent(BatchPredictResult, "/batch-predict", {"texts": several(texts)}, wishes)


def stream_batch(texts: Iterable[str], wishes: Wished) -> Call[BatchLine]:
    """Several texts, answered line by line."""
    return _sent(BatchLine, "/batch-predict", {"texts": several(texts)}, wishes, NDJSON)


def models() -> Call[ModelList]:
    """What the server has."""
    return Call(ModelList, "/models")


def manifest(model: str) -> Call[Manifest]:
    """What a model is."""
    return Call(Manifest, _model_path(model))


def backends() -> Call[BackendList]:
    """What could run where."""
    return Call(BackendList, "/backends")


def health() -> Call[Health]:
    """How the server is."""
    return Call(Health, "/health")


def ready() -> Call[Ready]:
    """Whether the default model answers."""
    return Call(Ready, "/readyz")


def file_request(
    http: Http, of: Manifest, file: ArtifactFile, headers: Mapping[str, str], wait_s: float
) -> httpx.Request:
    """For exactly these bytes."""
    query = {"file": file.path, "sha256": file.sha256}
    path = f"{_model_path(of.reference)}/download"
    return http.build_request("GET", path, params=query, headers=headers, timeout=wait_s)


def authorization(api_key: str | None) -> dict[str, str]:
    """RFC 6750, 2.1."""
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def several(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts. Raises TypeError for a single one, which is iterable too, by characters."""
    if isinstance(texts, str):
        raise TypeError("texts: several are expected, this is a single str; use predict")
    return tuple(texts)


def _sent(
    answer: type[T],
    path: str,
    texts: Mapping[str, object],
    wishes: Wished,
    accept: str = "application/json",
) -> Call[T]:
    said = {name: value for name, value in wishes.items() if value is not None}
    # As ASCII: a lone surrogate in a text goes out as an escape, which the server can read.
    body = json.dumps({**texts, **said}).encode("ascii")
    return Call(answer, path, body, {"Content-Type": "application/json", "Accept": accept})


def _model_path(model: str) -> str:
    return f"/models/{quote(model, safe='@+')}"
