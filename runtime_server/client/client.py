"""The client for code without an event loop."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from registry import Artifact, Manifest
from registry.manifest import ArtifactFile
from runtime_server.backend_list import BackendList
from runtime_server.client import calls
from runtime_server.client.answers import checked, parsed, reaching
from runtime_server.client.calls import Call, Wished
from runtime_server.client.delivery import Delivery
from runtime_server.client.errors import ApiError, ServerUnreachableError
from runtime_server.client.partial_file import PartialFile
from runtime_server.client.parts import Parts
from runtime_server.client.retries import Retries
from runtime_server.client.time_left import TimeLeft
from runtime_server.health import Health, Ready
from runtime_server.model_list import ModelList
from runtime_server.result import BatchItem, BatchLine, PredictResult

DEFAULT_URL: Final = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_S: Final = 60.0
DEFAULT_ATTEMPTS: Final = 4

T = TypeVar("T", bound=BaseModel)


class Client:
    """Asks a server. Threads may share one; close it, or use it in a `with`.

    `timeout` is in seconds, for a question with all its attempts, and the server is told. A
    question is asked again, at most `attempts` times in all, where the connection broke, or the
    server said when to come again. Every method raises ApiError or ServerUnreachableError.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> None:
        self._url = base_url
        self._timeout = timeout
        self._retries = Retries(attempts)
        with reaching(base_url, timeout):
            self._http = httpx.Client(base_url=base_url, headers=calls.authorization(api_key))

    def predict(
        self, text: str, *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> PredictResult:
        """The judgement of one text."""
        return self._ask(calls.predict(text, wishes), timeout)

    def predict_batch(
        self, texts: Iterable[str], *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> tuple[BatchItem, ...]:
        """One item per text, in order; a text that cannot be taken is an ErrorItem."""
        return self._ask(calls.predict_batch(texts, wishes), timeout).results

    def stream_batch(
        self, texts: Iterable[str], *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> Iterator[BatchLine]:
        """A line per text, in order, as soon as it is there; as many texts as you like.

        They are read from `texts` part by part, a request for each. `timeout` is for the beginning
        of an answer, and then for each line.
        """
        parts, index, seconds = Parts(texts), count(), self._seconds(timeout)
        while part := parts.next():
            try:
                response = self._opened(calls.stream_batch(part, wishes), seconds)
            except ApiError as exc:
                parts.refused(part, exc)
                continue
            n_answered = 0
            try:
                for line in self._lines(response, seconds):
                    n_answered += 1
                    yield line.model_copy(update={"index": next(index)})
            except ServerUnreachableError:
                if not n_answered:
                    raise
                parts.unanswered(part[n_answered:])

    def models(self, *, timeout: float | None = None) -> ModelList:
        """Every served model, all versions."""
        return self._ask(calls.models(), timeout)

    def manifest(self, model: str, *, timeout: float | None = None) -> Manifest:
        """What `id` (its newest version) or `id@version` is."""
        return self._ask(calls.manifest(model), timeout)

    def backends(self, *, timeout: float | None = None) -> BackendList:
        """Each backend: is it enabled, configured, available, and for which models."""
        return self._ask(calls.backends(), timeout)

    def health(self, *, timeout: float | None = None) -> Health:
        """Live, ready, and what each backend could do with the default model."""
        return self._ask(calls.health(), timeout)

    def ready(self, *, timeout: float | None = None) -> Ready:
        """Comes back once the default model answers; until then it is asked again, as above."""
        return self._ask(calls.ready(), timeout)

    def download(self, model: str, folder: str | Path, *, timeout: float | None = None) -> Artifact:
        """The artifact, in `folder` as in any store: `<folder>/<model_id>/<version>/`.

        Every file is verified; what the store has is not loaded again, and a download that broke
        off goes on where it was. `timeout` is for the next bytes, not for the whole.

        Raises:
            DigestMismatchError: a file is not what the manifest says.
            AlreadyPublishedError: `folder` has this version with other content.
        """
        delivery = Delivery(Path(folder), self.manifest(model, timeout=timeout))
        arrived = delivery.arrived()
        if arrived is not None:
            return arrived
        for file in delivery.missing():
            self._retries.within(None)(self._fetch, delivery, file, self._seconds(timeout))
        return delivery.publish()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout

    def _ask(self, call: Call[T], timeout: float | None) -> T:
        left = TimeLeft.of(self._seconds(timeout))
        answer: T = self._retries.within(left.seconds)(self._once, call, left)
        return answer

    def _once(self, call: Call[T], left: TimeLeft) -> T:
        with reaching(self._url, left.seconds):
            response = self._http.send(call.request(self._http, left.wait_s, left.headers))
        return parsed(checked(response), response.content, call.answer)

    def _opened(self, call: Call[T], seconds: float) -> httpx.Response:
        return self._retries.within(seconds)(self._open, call, TimeLeft.of(seconds))

    def _open(self, call: Call[T], left: TimeLeft) -> httpx.Response:
        with reaching(self._url, left.seconds):
            response = self._http.send(call.request(self._http, left.wait_s), stream=True)
            if not response.is_success:
                response.read()
        return checked(response)

    def _lines(self, response: httpx.Response, seconds: float) -> Iterator[BatchLine]:
        with reaching(self._url, seconds), closing(response):
            for line in response.iter_lines():
                yield parsed(response, line, BatchLine)

    def _fetch(self, delivery: Delivery, file: ArtifactFile, seconds: float) -> None:
        with PartialFile.opened(delivery.folder, file) as partial:
            if partial.whole:
                return
            request = calls.file_request(
                self._http, delivery.manifest, file, partial.headers, seconds
            )
            with (
                reaching(self._url, seconds),
                closing(self._http.send(request, stream=True)) as got,
            ):
                if not got.is_success:
                    got.read()
                partial.begin(checked(got).status_code)
                for chunk in got.iter_bytes():
                    partial.write(chunk)
