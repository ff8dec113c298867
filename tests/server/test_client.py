"""Both clients, against real servers on real sockets."""

import asyncio
import inspect
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from socket import create_server
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry import (
    AlreadyPublishedError,
    Artifact,
    Backend,
    DigestMismatchError,
    FileStore,
    sha256_of_file,
)
from runtime_server.app import REQUEST_ID, create_app
from runtime_server.client import (
    ApiError,
    AsyncClient,
    Client,
    ClientError,
    ErrorItem,
    ServerUnreachableError,
)
from runtime_server.client.answers import REQUEST_ID as READ_REQUEST_ID
from runtime_server.client.calls import NDJSON, Wished
from runtime_server.client.parts import MOST_TEXTS
from runtime_server.engine import Scores
from runtime_server.requests import Wishes
from runtime_server.result import PredictResult
from tests.server.conftest import hash_graph, listening, make_settings, publish_to
from tests.server.test_batch_stream import Endless
from tests.server.test_deadline import SlowEngine

REPOSITORY = Path(__file__).resolve().parents[2]
SERVING = ("fastapi", "starlette", "uvicorn", "onnxruntime", "numpy", "prometheus_client")


class Blocking:
    """An AsyncClient whose methods are those of a Client, so that one test is for both."""

    def __init__(self, *arguments: object, **options: Any) -> None:  # noqa: ANN401
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **options)

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            found = getattr(self._client, name)(*arguments, **options)
            return self._each(found) if inspect.isasyncgen(found) else self._runner.run(found)

        return call

    def _each(self, found: Any) -> Iterator[object]:  # noqa: ANN401
        try:
            while (item := self._runner.run(anext(found, None))) is not None:
                yield item
        finally:
            self._runner.run(found.aclose())

    def end(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


Connect = Callable[..., Client]
MakeClient = Callable[..., httpx.Client]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with ExitStack() as stack:

        def _connect(url: object, **options: Any) -> Any:  # noqa: ANN401
            if request.param == "sync":
                return stack.enter_context(Client(str(url), **options))
            blocking = Blocking(str(url), **options)
            stack.callback(blocking.end)
            return blocking

        yield _connect


@dataclass
class Stumbling:
    """An application whose first answers are these, and all others as they should be."""

    app: ASGIApp
    first: list[ASGIApp] = field(default_factory=list)
    seen: list[Headers] = field(default_factory=list)
    under: str = "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http" and scope["path"].startswith(self.under):
            self.seen.append(Headers(scope=scope))
            app = self.first.pop(0) if self.first else self.app
        await app(scope, receive, send)


@dataclass
class Cut:
    """Answers as `app` does, up to so many bytes; then the connection breaks."""

    app: ASGIApp
    most_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self.most_bytes

        async def cutting(message: Message) -> None:
            nonlocal left
            body = message.get("body", b"")
            if len(body) > left:
                await send({**message, "body": body[:left], "more_body": True})
                raise ConnectionResetError("cut on purpose")
            left -= len(body)
            await send(message)

        await self.app(scope, receive, cutting)


@dataclass
class Lying:
    """Answers as `app` does, with the first byte flipped."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def flipped(message: Message) -> None:
            body = message.get("body", b"")
            changed = bytes([body[0] ^ 1]) + body[1:] if body else body
            await send({**message, "body": changed} if "body" in message else message)

        await self.app(scope, receive, flipped)


def problem(status: int, code: str, **headers: str) -> Response:
    content = {"type": "about:blank", "title": code, "status": status, "detail": code, "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(content, status, named, "application/problem+json")


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, graph: bytes
) -> Iterator[tuple[str, Stumbling]]:
    folder = tmp_path_factory.mktemp("stumbling")
    publish_to(folder / "registry", graph)
    app = Stumbling(create_app(make_settings(folder / "registry", folder)))
    with listening(app) as client:
        yield str(client.base_url), app


Serve = Callable[..., tuple[str, Stumbling]]
First = Response | Callable[[ASGIApp], ASGIApp]


@pytest.fixture
def serve(shared: tuple[str, Stumbling]) -> Serve:
    """A server whose first answers to requests below a path are others."""

    def _serve(*first: First, under: str = "/") -> tuple[str, Stumbling]:
        url, app = shared
        app.first = [one if isinstance(one, Response) else one(app.app) for one in first]
        app.seen, app.under = [], under
        return url, app

    return _serve


def without_times(result: PredictResult) -> dict[str, object]:
    return result.model_dump(exclude={"latency_ms": True, "metadata": {"timings_ms"}})


def test_a_client_needs_nothing_that_serves() -> None:
    program = (
        "import runtime_server.client, json, sys\n"
        f"print(json.dumps([name for name in {SERVING!r} if name in sys.modules]))"
    )
    done = subprocess.run(
        (sys.executable, "-c", program), cwd=REPOSITORY, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_what_may_be_wished_is_what_the_server_takes() -> None:
    # A client says how long it waits by the header.
    assert Wished.__annotations__.keys() == Wishes.model_fields.keys() - {"timeout_ms"}


def test_an_answer_is_the_servers_own_value(connect: Connect, client: httpx.Client) -> None:
    api = connect(client.base_url)
    raw = client.post("/predict", json={"text": "a text"}).content
    assert without_times(api.predict("a text")) == without_times(
        PredictResult.model_validate_json(raw)
    )


def test_wishes_reach_the_server(connect: Connect, client: httpx.Client) -> None:
    api = connect(client.base_url)
    assert api.predict("a text", threshold=0.0).is_fake is True
    assert api.predict("a text", threshold=1.0, model_id="hash-tiny@1.0.0").is_fake is False
    assert api.predict("a text", max_false_positive_rate=0.1).metadata.threshold == 0.5
    assert api.predict("a text", explain=True).metadata.segments
    assert api.predict("a text", client_capabilities=["client_side"]).metadata.delegation
    delegated = api.predict("a text", prefer_backend=Backend.CLIENT_SIDE, model_id=None)
    assert delegated.metadata.delegation is not None
    with pytest.raises(ApiError, match="model_not_found"):
        api.predict("a text", variant="nbits4")


def test_a_lone_surrogate_is_taken_as_the_server_takes_it(
    connect: Connect, client: httpx.Client
) -> None:
    api = connect(client.base_url)
    assert api.predict("a \ud800 b").probability == api.predict("a \ufffd b").probability


def test_a_batch_is_an_item_for_each_text(connect: Connect, client: httpx.Client) -> None:
    api = connect(client.base_url)
    first, second = api.predict_batch(["a text", ""])
    assert without_times(first) == without_times(api.predict("a text"))
    assert isinstance(second, ErrorItem)
    assert second.error.code == "text_too_short"


def test_one_text_is_not_mistaken_for_several(connect: Connect, client: httpx.Client) -> None:
    api = connect(client.base_url)
    with pytest.raises(TypeError, match="predict"):
        api.predict_batch("text")
    with pytest.raises(TypeError, match="predict"):
        list(api.stream_batch("text"))


def test_a_stream_of_more_texts_than_a_request_takes_keeps_their_order(
    connect: Connect, client: httpx.Client
) -> None:
    api = connect(client.base_url)
    texts = [f"text number {n}" for n in range(2 * MOST_TEXTS + 3)]
    lines = list(api.stream_batch(iter(texts)))
    assert [line.index for line in lines] == list(range(len(texts)))
    ends = (0, MOST_TEXTS - 1, MOST_TEXTS, len(texts) - 1)
    for place in ends:
        assert without_times(lines[place].item) == without_times(api.predict(texts[place]))


def test_a_stream_reads_its_texts_as_it_goes(connect: Connect, client: httpx.Client) -> None:
    n_read = 0

    def texts() -> Iterator[str]:
        nonlocal n_read
        for n in range(10 * MOST_TEXTS):
            n_read += 1
            yield str(n)

    lines = connect(client.base_url).stream_batch(texts())
    assert next(lines).index == 0
    assert n_read == MOST_TEXTS
    lines.close()


def test_a_stream_of_no_texts_asks_nothing(connect: Connect) -> None:
    assert list(connect("http://127.0.0.1:1").stream_batch([])) == []


@pytest.mark.parametrize("limit", [{"max_batch_items": 20}, {"max_body_bytes": 1024}])
def test_a_stream_is_cut_to_what_this_server_takes(
    connect: Connect, make_client: MakeClient, artifact: Artifact, limit: dict[str, int]
) -> None:
    url = make_client(**limit).base_url
    texts = [f"text number {n}" for n in range(150)]
    lines = list(connect(url).stream_batch(texts))
    assert [line.index for line in lines] == list(range(150))
    assert {line.status for line in lines} == {200}


def test_a_text_that_is_too_large_even_alone_is_an_error(
    connect: Connect, make_client: MakeClient, artifact: Artifact
) -> None:
    url = make_client(max_body_bytes=1024).base_url
    with pytest.raises(ApiError, match="body_too_large"):
        list(connect(url).stream_batch(["a", "b" * 2000]))


def test_a_stream_that_breaks_goes_on_where_it_was(connect: Connect, serve: Serve) -> None:
    url, app = serve(lambda app: Cut(app, 20_000))
    texts = [f"text number {n}" for n in range(100)]
    api = connect(url)
    lines = list(api.stream_batch(texts))
    assert [line.index for line in lines] == list(range(100))
    assert len(app.seen) == 2
    assert without_times(lines[99].item) == without_times(api.predict(texts[99]))


def test_a_caller_that_leaves_a_stream_ends_the_work(
    connect: Connect, make_client: MakeClient, artifact: Artifact
) -> None:
    engine = Endless(0, threading.Event())
    url = make_client({Backend.LOCAL: engine}).base_url
    lines = connect(url).stream_batch([str(n) for n in range(100)])
    assert next(lines).status == 200
    lines.close()
    assert engine.cancelled.wait(timeout=10)


def test_every_other_route_has_a_method(
    connect: Connect, client: httpx.Client, artifact: Artifact
) -> None:
    api = connect(client.base_url)
    assert api.ready().ready is True
    assert api.health().default_model == "hash-tiny@1.0.0"
    assert [model.model_id for model in api.models().models] == ["hash-tiny"]
    assert {state.backend for state in api.backends().backends} == set(Backend)
    assert api.manifest("hash-tiny@1.0.0") == artifact.manifest


def test_an_error_of_the_server_says_what_and_which_request(
    connect: Connect, client: httpx.Client
) -> None:
    with pytest.raises(ApiError) as raised:
        connect(client.base_url).predict("a text", model_id="nothing")
    error = raised.value
    assert (error.status, error.code) == (404, "model_not_found")
    assert error.problem is not None
    assert error.problem.model_extra == {"known_models": ["hash-tiny"]}
    assert error.request_id
    assert error.request_id in str(error)
    assert READ_REQUEST_ID == REQUEST_ID


def test_an_error_says_what_to_do(connect: Connect, client: httpx.Client) -> None:
    with pytest.raises(ApiError, match="stream_batch"):
        connect(client.base_url).predict_batch(["a"] * 200)


def test_an_answer_that_is_no_problem_is_an_error_by_its_status(
    connect: Connect, serve: Serve
) -> None:
    url, _ = serve(PlainTextResponse("<h1>Bad gateway</h1>", 502))
    with pytest.raises(ApiError) as raised:
        connect(url).predict("a text")
    assert (raised.value.code, raised.value.problem) == ("http_502", None)


@pytest.mark.parametrize("content", ["{}", "hello", '{"probability": "secret"}'])
def test_an_answer_of_something_else_is_an_error_that_does_not_repeat_it(
    connect: Connect, serve: Serve, content: str
) -> None:
    url, app = serve(PlainTextResponse(content))
    with pytest.raises(ApiError, match="Is this the address of a Samegraph server") as raised:
        connect(url).predict("a text")
    assert raised.value.code == "unexpected_answer"
    assert "secret" not in str(raised.value)
    assert len(app.seen) == 1


def test_a_server_that_says_when_to_come_again_is_asked_again_then(
    connect: Connect, serve: Serve
) -> None:
    url, app = serve(problem(503, "overloaded", retry_after="1"))
    began = time.monotonic()
    assert connect(url).predict("a text").backend == "local"
    assert time.monotonic() - began >= 1
    assert len(app.seen) == 2


def test_a_date_is_a_time_to_come_again_too(connect: Connect, serve: Serve) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=9), usegmt=True)
    url, app = serve(problem(503, "overloaded", retry_after=date))
    assert connect(url).predict_batch(["a text"])
    assert len(app.seen) == 2


def test_too_many_requests_are_sent_again(connect: Connect, serve: Serve) -> None:
    url, app = serve(*(PlainTextResponse("slow down", 429) for _ in range(2)))
    assert [line.status for line in connect(url).stream_batch(["a text"])] == [200]
    assert len(app.seen) == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "malformed_body"),
        (404, "model_not_found"),
        (422, "invalid_request"),
        (500, "internal"),
        (503, "all_backends_failed"),
        (504, "deadline_exceeded"),
    ],
)
def test_what_would_be_answered_the_same_is_asked_once(
    connect: Connect, serve: Serve, status: int, code: str
) -> None:
    url, app = serve(problem(status, code))
    with pytest.raises(ApiError) as raised:
        connect(url).predict("a text")
    assert (raised.value.code, len(app.seen)) == (code, 1)


def test_attempts_are_counted(connect: Connect, serve: Serve) -> None:
    url, app = serve(*(problem(503, "overloaded", retry_after="0") for _ in range(9)))
    with pytest.raises(ApiError, match="overloaded"):
        connect(url, attempts=3).predict("a text")
    assert len(app.seen) == 3


def test_nobody_waits_for_an_attempt_that_would_come_too_late(
    connect: Connect, serve: Serve
) -> None:
    url, app = serve(problem(503, "overloaded", retry_after="30"))
    began = time.monotonic()
    with pytest.raises(ApiError) as raised:
        connect(url).predict("a text", timeout=20)
    assert raised.value.retry_after_s == 30
    assert time.monotonic() - began < 10
    assert len(app.seen) == 1


@dataclass
class Held(SlowEngine):
    """Does not answer the first text of a server before it is let go."""

    go: threading.Event = field(default_factory=threading.Event)

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        await asyncio.to_thread(self.go.wait, 20)
        return await super().predict(artifact, texts)


def test_ready_comes_back_once_the_server_is(
    connect: Connect, make_client: MakeClient, artifact: Artifact
) -> None:
    engine = Held(0)
    url = make_client({Backend.LOCAL: engine}).base_url
    with pytest.raises(ApiError, match="not_ready"):
        connect(url, attempts=1).ready()
    threading.Timer(0.3, engine.go.set).start()
    assert connect(url, attempts=20).ready().ready is True


def test_the_server_is_told_the_timeout_and_has_the_last_word(
    connect: Connect, make_client: MakeClient, artifact: Artifact
) -> None:
    engine = SlowEngine(seconds=20)
    url = make_client({Backend.LOCAL: engine}).base_url
    with pytest.raises(ApiError) as raised:
        connect(url).predict("slow", timeout=0.3)
    assert raised.value.code == "deadline_exceeded"
    assert raised.value.problem is not None
    assert 0 < (raised.value.problem.model_extra or {})["limit_ms"] <= 300
    assert engine.cancelled.wait(timeout=5)


def test_a_server_that_says_nothing_is_left_when_time_is_up(connect: Connect) -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ServerUnreachableError, match=r"no answer within 0\.2 s"):
            connect(url).predict("a text", timeout=0.2)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none_is_refused(connect: Connect, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        connect("http://127.0.0.1:1").health(timeout=timeout)
    with pytest.raises(ValueError, match="attempts"):
        connect("http://127.0.0.1:1", attempts=0)


def test_nobody_there_is_an_error_that_says_where_and_what_to_do(connect: Connect) -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ServerUnreachableError, match="python -m runtime_server") as raised:
        connect(url, attempts=2).health()
    assert url in str(raised.value)
    assert isinstance(raised.value, ClientError)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "nothing", "http://["])
def test_an_address_that_is_none_is_an_error_of_the_same_kind(connect: Connect, url: str) -> None:
    with pytest.raises(ServerUnreachableError, match="address"):
        connect(url, attempts=1).health()


def test_a_server_that_comes_up_late_is_reached(
    connect: Connect, root: Path, tmp_path: Path, artifact: Artifact
) -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    api = connect(f"http://127.0.0.1:{port}", attempts=50)
    found: list[object] = []
    asking = threading.Thread(target=lambda: found.append(api.predict("a text")))
    asking.start()
    time.sleep(0.2)
    with listening(create_app(make_settings(root, tmp_path)), port):
        asking.join(timeout=30)
    assert isinstance(found[0], PredictResult)


def test_a_connection_that_breaks_is_made_again(connect: Connect, serve: Serve) -> None:
    url, app = serve(lambda app: Cut(app, 0))
    assert connect(url).predict("a text").backend == "local"
    assert len(app.seen) == 2


def test_the_key_is_sent(connect: Connect, serve: Serve) -> None:
    url, app = serve()
    connect(url, api_key="sesame").health()
    connect(url).health()
    assert [headers.get("authorization") for headers in app.seen] == ["Bearer sesame", None]


def test_lines_are_asked_for_by_their_media_type(connect: Connect, serve: Serve) -> None:
    url, app = serve()
    list(connect(url).stream_batch(["a"]))
    assert app.seen[0]["accept"] == NDJSON


DOWNLOADS = "/models/hash-tiny@1.0.0/download"


def test_a_download_is_an_artifact_in_a_store(
    connect: Connect, client: httpx.Client, artifact: Artifact, tmp_path: Path
) -> None:
    found = connect(client.base_url).download("hash-tiny", tmp_path / "models")
    assert found == FileStore(tmp_path / "models").resolve("hash-tiny")
    assert found.manifest == artifact.manifest
    assert sha256_of_file(found.path("model.onnx")) == artifact.manifest.model.sha256
    names = {path.name for path in (tmp_path / "models").iterdir()}
    assert names == {"hash-tiny"}


def test_what_is_there_is_not_loaded_again_and_what_is_damaged_is(
    connect: Connect, serve: Serve, tmp_path: Path
) -> None:
    url, app = serve(under=DOWNLOADS)
    api = connect(url)
    found = api.download("hash-tiny", str(tmp_path / "models"))
    api.download("hash-tiny", tmp_path / "models")
    assert len(app.seen) == 1
    found.path("model.onnx").write_bytes(b"damaged")
    api.download("hash-tiny@1.0.0", tmp_path / "models").verify()
    assert len(app.seen) == 2


def test_a_download_that_breaks_off_goes_on_where_it_was(
    connect: Connect, serve: Serve, tmp_path: Path
) -> None:
    url, app = serve(lambda app: Cut(app, 100), under=DOWNLOADS)
    connect(url).download("hash-tiny", tmp_path / "models").verify()
    assert [headers.get("range") for headers in app.seen] == [None, "bytes=100-"]


def test_an_earlier_process_may_have_begun(
    connect: Connect, serve: Serve, artifact: Artifact, graph: bytes, tmp_path: Path
) -> None:
    url, app = serve(under=DOWNLOADS)
    folder = tmp_path / "models" / f".download-{artifact.manifest.digest}"
    folder.mkdir(parents=True)
    (folder / "model.onnx.part").write_bytes(graph[:50])
    connect(url).download("hash-tiny", tmp_path / "models").verify()
    assert [headers["range"] for headers in app.seen] == ["bytes=50-"]


@pytest.mark.parametrize("there", [b"other bytes", b"x" * 100_000], ids=["fewer", "more"])
def test_a_beginning_of_something_else_is_thrown_away(
    connect: Connect, client: httpx.Client, artifact: Artifact, tmp_path: Path, there: bytes
) -> None:
    folder = tmp_path / "models" / f".download-{artifact.manifest.digest}"
    folder.mkdir(parents=True)
    (folder / "model.onnx.part").write_bytes(there)
    api = connect(client.base_url)
    if len(there) < artifact.manifest.size_bytes:
        with pytest.raises(DigestMismatchError, match=r"model\.onnx"):
            api.download("hash-tiny", tmp_path / "models")
    api.download("hash-tiny", tmp_path / "models").verify()


def test_bytes_that_are_not_the_manifests_never_become_visible(
    connect: Connect, serve: Serve, tmp_path: Path
) -> None:
    url, app = serve(Lying, under=DOWNLOADS)
    with pytest.raises(DigestMismatchError, match=r"model\.onnx"):
        connect(url).download("hash-tiny", tmp_path / "models")
    assert not list((tmp_path / "models").rglob("model.onnx*"))
    assert len(app.seen) == 1


def test_a_version_with_other_content_is_not_replaced(
    connect: Connect, client: httpx.Client, tmp_path: Path
) -> None:
    publish_to(tmp_path / "models", hash_graph(seed=3))
    with pytest.raises(AlreadyPublishedError, match="remove it"):
        connect(client.base_url).download("hash-tiny", tmp_path / "models")


def test_an_async_client_answers_many_at_once(client: httpx.Client) -> None:
    async def both() -> list[PredictResult]:
        async with AsyncClient(str(client.base_url)) as api:
            return await asyncio.gather(*(api.predict(str(n)) for n in range(20)))

    found = asyncio.run(both())
    with Client(str(client.base_url)) as api:
        assert [api.predict(str(n)).probability for n in range(20)] == [
            result.probability for result in found
        ]
