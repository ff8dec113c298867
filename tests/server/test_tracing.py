"""Spans that a collector gets from the real server."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from registry import Artifact
from tests.server.command import address, announced, environment, started

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, keeps the spans."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Take)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


def attributes(span: Span) -> dict[str, object]:
    return {
        one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes
    }


def test_a_collector_gets_the_request_and_its_phases_in_the_callers_trace(
    root: Path, artifact: Artifact, publish: Callable[..., Artifact], graph: bytes
) -> None:
    publish(graph, model_id="other", normalizer="identity")
    text = "a most secret text"
    with collecting() as collector:
        with started(root, **{ENDPOINT: collector.url}) as process:
            url = address(announced(process))
            httpx.get(f"{url}/livez")
            answer = httpx.post(
                f"{url}/predict",
                params={"q": text},
                json={"text": text, "model_id": "other"},
                headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
                timeout=20,
            )
            process.terminate()
            _, stderr = process.communicate(timeout=20)
        spans = {span.name: span for span in collector.spans()}
        sent = b"".join(collector.bodies)
        resource = collector.requests[0].resource_spans[0].resource
    assert set(spans) == {"POST /predict", "load", "tokenize", "queue", "run"}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    request = spans.pop("POST /predict")
    assert request.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in spans.values()} == {request.span_id}
    begun = [spans[name].start_time_unix_nano for name in ("load", "tokenize", "queue", "run")]
    assert begun == sorted(begun)
    assert begun[0] >= request.start_time_unix_nano

    assert answer.headers["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    (line,) = (line for line in map(json.loads, stderr.splitlines()) if line["event"] == "request")
    assert (line["trace_id"], line["span_id"]) == (TRACE, request.span_id.hex())

    told = attributes(request)
    assert (told["http.route"], told["http.response.status_code"]) == ("/predict", 200)
    assert (told["samegraph.model"], told["samegraph.backend"]) == ("other@1.0.0", "local")
    assert (told["samegraph.items"], told["samegraph.batch_rows"]) == (1, 1)
    assert b"secret" not in sent
    assert {one.key: one.value.string_value for one in resource.attributes}["service.name"] == (
        "samegraph"
    )


WITHOUT_PACKAGES = """
import sys
sys.modules["opentelemetry.exporter"] = None
from runtime_server.command import app
app()
"""


def test_a_collector_without_the_packages_is_one_warning_and_the_server_starts(
    root: Path, artifact: Artifact
) -> None:
    process = subprocess.Popen(
        (sys.executable, "-c", WITHOUT_PACKAGES),
        env=environment(root, **{ENDPOINT: "http://127.0.0.1:9"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = address(announced(process))
        assert httpx.post(f"{url}/predict", json={"text": "a"}).status_code == 200
    finally:
        process.terminate()
        _, stderr = process.communicate(timeout=20)
    lines = [json.loads(line) for line in stderr.splitlines()]
    (warning,) = (line["event"] for line in lines if line["level"] == "warning")
    assert "samegraph[otel]" in warning
