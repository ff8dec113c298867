"""What the real server logs: everything it should, and never a text."""

import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from onnx import TensorProto, helper

from registry import Artifact
from runtime_server.logs import as_json
from runtime_server.settings import Settings
from tests.server.command import address, announced, environment, started

Publish = Callable[..., Artifact]
Line = Mapping[str, Any]
MARK = "xyzzy-secret"
JSON = {"content-type": "application/json"}


def number_graph() -> bytes:
    """text[N] -> probability[N]: each text, which must be a number; onnxruntime quotes others."""
    node = helper.make_node("Cast", ["text"], ["probability"], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [node],
        "number",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return model.SerializeToString()


def ended(process: subprocess.Popen[str]) -> list[Line]:
    """What it wrote to stderr; every line is JSON."""
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert MARK not in stderr
    return [json.loads(line) for line in stderr.splitlines()]


def tensor(datatype: str) -> dict[str, object]:
    one = {"name": "text", "shape": [1], "datatype": datatype, "data": [MARK]}
    return {"id": MARK, "inputs": [one]}


def requests_with_the_mark(url: str) -> dict[str, int]:
    """Status by request id, of requests that hold the mark wherever a caller can put it."""
    long = MARK + "x" * 3000
    bodies: dict[str, tuple[str, object]] = {
        "good": ("/predict", {"text": MARK}),
        "batch": ("/batch-predict", {"texts": [MARK, MARK, 5, long]}),
        "no-string": ("/predict", {"text": [MARK]}),
        "no-batch": ("/batch-predict", {"texts": {MARK: MARK}}),
        "unknown-field": ("/predict", {"text": MARK, MARK: MARK}),
        "too-long": ("/predict", {"text": long}),
        "no-model": ("/predict", {"text": MARK, "model_id": MARK}),
        "damaged": ("/predict", {"text": MARK, "model_id": "damaged"}),
        "run-fails": ("/predict", {"text": MARK, "model_id": "number"}),
        "v2": ("/v2/models/hash-tiny/infer", tensor("BYTES")),
        "v2-bad": ("/v2/models/hash-tiny/infer", tensor("FP32")),
        "v2-text": ("/v2/models/number/infer", tensor("BYTES")),
        "too-large": ("/predict", {"text": long * 100}),
    }
    headers = {"authorization": f"Bearer {MARK}", "cookie": MARK, "user-agent": MARK}
    found = {}
    with httpx.Client(base_url=url, headers=headers, params={"text": MARK}, timeout=20) as client:

        def note(name: str, answer: httpx.Response) -> None:
            assert answer.headers["x-request-id"] == name
            found[name] = answer.status_code

        for name, (path, body) in bodies.items():
            note(name, client.post(path, json=body, headers={"x-request-id": name}))
        broken = f'{{"text": "{MARK}'.encode()
        for name, content, kind in (("no-json", broken, JSON), ("no-type", b'"' + broken, {})):
            sent = {"x-request-id": name, **kind}
            note(name, client.post("/predict", content=content, headers=sent))
        lines = {"x-request-id": "stream", "accept": "application/x-ndjson"}
        note("stream", client.post("/batch-predict", json={"texts": [MARK] * 70}, headers=lines))
        for name, path in (("path", f"/{MARK}"), ("model", f"/models/{MARK}"), ("get", "/predict")):
            note(name, client.get(path, headers={"x-request-id": name}))
        file = {"file": MARK, "sha256": MARK}
        answer = client.get(
            "/models/number/download", params=file, headers={"x-request-id": "file"}
        )
        note("file", answer)
    return found


def test_no_text_reaches_the_log_whatever_goes_wrong(
    root: Path, artifact: Artifact, publish: Publish, graph: bytes
) -> None:
    publish(number_graph(), model_id="number")
    damaged = publish(graph, model_id="damaged", normalizer="identity").path("model.onnx")
    damaged.write_bytes(b"damaged")
    limits = {"MAX_TEXT_LENGTH": "2000", "MAX_BODY_BYTES": "100000", "MAX_BATCH_ITEMS": "100"}
    with started(root, LOG_LEVEL="debug", **limits) as process:
        url = address(announced(process))
        sent = requests_with_the_mark(url)
        httpx.get(f"{url}/livez", headers={"x-request-id": "probe"})
        lines = ended(process)
    done = {line["request_id"]: line for line in lines if line["event"] == "request"}
    assert {name: done[name]["status"] for name in sent} == sent
    assert {200, 400, 404, 405, 413, 422, 503} <= set(sent.values())
    assert done["probe"]["level"] == "debug"
    failures = {line["request_id"] for line in lines if "failed on" in line["event"]}
    assert failures == {"damaged", "run-fails", "v2-text"}


def test_a_request_is_one_line_that_says_what_was_done(root: Path, artifact: Artifact) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with started(root) as process:
        url = address(announced(process))
        parent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-id": "mine"}
        answer = httpx.post(f"{url}/batch-predict", json={"texts": ["a", "b"]}, headers=parent)
        for path in ("/livez", "/readyz", "/metrics"):
            httpx.get(f"{url}{path}")
        (line,) = (line for line in ended(process) if line["event"] == "request")
    assert answer.status_code == 200
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert 0 < line["seconds"] < 20
    expected = {
        "level": "info",
        "request_id": "mine",
        "trace_id": trace,
        "span_id": answer.headers["traceparent"].split("-")[2],
        "method": "POST",
        "route": "/batch-predict",
        "status": 200,
        "model": "hash-tiny@1.0.0",
        "backend": "local",
        "items": 2,
        "client": "127.0.0.1",
    }
    assert {name: line.get(name) for name in expected} == expected


BROKEN_ENGINE = """
import uvicorn
from registry import Backend
from runtime_server.app import create_app
from runtime_server.engine import Availability
from runtime_server.logs import log_config
from runtime_server.settings import load_settings

class Broken:
    def available(self, artifact):
        return Availability()

    async def predict(self, artifact, texts, *, token_level):
        try:
            raise KeyError(texts[0])
        except KeyError as exc:
            raise RuntimeError(f"this engine quotes {texts[0]}") from exc

    async def close(self):
        pass

settings = load_settings()
app = create_app(settings, {Backend.LOCAL: Broken()})
uvicorn.run(app, fd=0, log_config=log_config(settings), access_log=False)
"""


def test_an_error_that_nobody_foresaw_is_a_500_with_its_stack_in_the_log_and_no_message(
    root: Path, artifact: Artifact
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            (sys.executable, "-c", BROKEN_ENGINE),
            env=environment(root),
            stdin=listener,
            stderr=subprocess.PIPE,
            text=True,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sent = {"x-request-id": "unlucky"}
        answer = httpx.post(f"{url}/predict", json={"text": MARK}, headers=sent, timeout=20)
        lines = ended(process)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["x-request-id"] == "unlucky"
    assert MARK not in answer.text
    ours = [line for line in lines if line.get("request_id") == "unlucky"]
    (error,) = (line for line in ours if "exception" in line)
    assert [one["type"] for one in error["exception"]] == ["RuntimeError", "KeyError"]
    assert error["exception"][0]["frames"][-1].endswith(" predict")
    assert [line["status"] for line in ours if line["event"] == "request"] == [500]


def test_on_a_terminal_lines_are_for_people(root: Path, artifact: Artifact) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-m", "runtime_server"),
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    try:
        url = address(announced(process))
        httpx.get(url, headers={"x-request-id": "from-a-terminal"})
        process.terminate()
        process.communicate(timeout=20)
        written = os.read(ours, 100_000).decode()
    finally:
        process.kill()
        os.close(ours)
    (line,) = (line for line in written.splitlines() if "from-a-terminal" in line)
    assert "\x1b[" in line


@pytest.mark.parametrize(
    ("form", "terminal", "json_lines"),
    [("auto", True, False), ("auto", False, True), ("JSON", True, True), ("console", False, False)],
)
def test_the_form_is_a_setting(form: str, terminal: bool, json_lines: bool) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    settings = Settings(_env_file=None, log_format=form)
    assert as_json(settings, Stream()) is json_lines
