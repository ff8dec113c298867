"""The client for code with an event loop of asyncio."""
# ruff: noqa: ASYNC109  # the server is told the timeout, which asyncio.timeout would not do

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
from pydantic import BaseModel

from registry import Artifact, Manifest
from registry.manifest import ArtifactFile
from runtime_server.backend_list import BackendList
from runtime_server.client import calls
from runtime_server.client.answers import checked, parsed, reaching
from runtime_server.client.calls import Call, Wished
from runtime_server.client.client import DEFAULT_ATTEMPTS, DEFAULT_TIMEOUT_S, DEFAULT_URL
from runtime_server.client.delivery import Delivery
from runtime_server.client.errors import ApiError, ServerUnreachableError
from runtime_server.client.partial_file import PartialFile
from runtime_server.client.parts import Parts
from runtime_server.client.retries import Retries
from runtime_server.client.time_left import TimeLeft
from runtime_server.health import Health, Ready
from runtime_server.model_list import ModelList
from runtime_server.result import BatchItem, BatchLine, PredictResult

T = TypeVar("T", bound=BaseModel)


class AsyncClient:
    """Asks a server, as `Client` does; close it, or use it in an `async with`."""

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
            self._http = httpx.AsyncClient(base_url=base_url, headers=calls.authorization(api_key))

    async def predict(
        self, text: str, *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> PredictResult:
        """As Client.predict."""
        return await self._ask(calls.predict(text, wishes), timeout)

    async def predict_batch(
        self, texts: Iterable[str], *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> tuple[BatchItem, ...]:
        """As Client.predict_batch."""
        return (await self._ask(calls.predict_batch(texts, wishes), timeout)).results

    async def stream_batch(
        self, texts: Iterable[str], *, timeout: float | None = None, **wishes: Unpack[Wished]
    ) -> AsyncGenerator[BatchLine]:
        """As Client.stream_batch."""
        parts, index, seconds = Parts(texts), count(), self._seconds(timeout)
        while part := parts.next():
            try:
                response = await self._opened(calls.stream_batch(part, wishes), seconds)
            except ApiError as exc:
                parts.refused(part, exc)
                continue
            n_answered = 0
            try:
                async with aclosing(self._lines(response, seconds)) as lines:
                    async for line in lines:
                        n_answered += 1
                        yield line.model_copy(update={"index": next(index)})
            except ServerUnreachableError:
                if not n_answered:
                    raise
                parts.unanswered(part[n_answered:])

    async def models(self, *, timeout: float | None = None) -> ModelList:
        """As Client.models."""
        return await self._ask(calls.models(), timeout)

    async def manifest(self, model: str, *, timeout: float | None = None) -> Manifest:
        """As Client.manifest."""
        return await self._ask(calls.manifest(model), timeout)

    async def backends(self, *, timeout: float | None = None) -> BackendList:
        """As Client.backends."""
        return await self._ask(calls.backends(), timeout)

    async def health(self, *, timeout: float | None = None) -> Health:
        """As Client.health."""
        return await self._ask(calls.health(), timeout)

    async def ready(self, *, timeout: float | None = None) -> Ready:
        """As Client.ready."""
        return await self._ask(calls.ready(), timeout)

    async def download(
        self, model: str, folder: str | Path, *, timeout: float | None = None
    ) -> Artifact:
        """As Client.download."""
        delivery = Delivery(Path(folder), await self.manifest(model, timeout=timeout))
        arrived = await asyncio.to_thread(delivery.arrived)
        if arrived is not None:
            return arrived
        for file in await asyncio.to_thread(delivery.missing):
            retrying = self._retries.async_within(None)
            await retrying(self._fetch, delivery, file, self._seconds(timeout))
        return await asyncio.to_thread(delivery.publish)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout

    async def _ask(self, call: Call[T], timeout: float | None) -> T:
        left = TimeLeft.of(self._seconds(timeout))
        return await self._retries.async_within(left.seconds)(self._once, call, left)

    async def _once(self, call: Call[T], left: TimeLeft) -> T:
        with reaching(self._url, left.seconds):
            response = await self._http.send(call.request(self._http, left.wait_s, left.headers))
        return parsed(checked(response), response.content, call.answer)

    async def _opened(self, call: Call[T], seconds: float) -> httpx.Response:
        left = TimeLeft.of(seconds)
        return await self._retries.async_within(seconds)(self._open, call, left)

    async def _open(self, call: Call[T], left: TimeLeft) -> httpx.Response:
        with reaching(self._url, left.seconds):
            response = await self._http.send(call.request(self._http, left.wait_s), stream=True)
            if not response.is_success:
                await response.aread()
        return checked(response)

    async def _lines(self, response: httpx.Response, seconds: float) -> AsyncGenerator[BatchLine]:
        with reaching(self._url, seconds):
            async with aclosing(response):
                async for line in response.aiter_lines():
                    yield parsed(response, line, BatchLine)

    async def _fetch(self, delivery: Delivery, file: ArtifactFile, seconds: float) -> None:
        with PartialFile.opened(delivery.folder, file) as partial:
            if partial.whole:
                return
            request = calls.file_request(
                self._http, delivery.manifest, file, partial.headers, seconds
            )
            with reaching(self._url, seconds):
                async with aclosing(await self._http.send(request, stream=True)) as got:
                    if not got.is_success:
                        await got.aread()
                    partial.begin(checked(got).status_code)
                    async for chunk in got.aiter_bytes():
                        partial.write(chunk)
