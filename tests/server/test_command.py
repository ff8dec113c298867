"""The real command in a process of its own."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from runtime_server.settings import Settings
from tests.server.command import address, announced, environment, run, started

HEAVY = ("torch", "transformers", "sklearn", "skl2onnx", "onnx", "pandas", "scipy", "tokenizers")


@contextmanager
def half_a_request(process: subprocess.Popen[str]) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection on which a request has begun, and the rest of the request."""
    port = int(address(announced(process)).rpartition(":")[2])
    body = b'{"text": "the rest comes later"}'
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(
            b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        )
        # So that the server has read it: a request on a later connection has been answered.
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        yield caller, body


def test_what_was_accepted_before_sigterm_is_answered_and_the_status_is_0(
    root: Path, artifact: Artifact
) -> None:
    with started(root) as process, half_a_request(process) as (caller, rest):
        port = caller.getpeername()[1]
        process.terminate()
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("new connections are still taken")
        caller.sendall(rest)
        answer = caller.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"probability"' in answer
        assert process.wait(timeout=20) == 0


def test_a_second_signal_ends_it_at_once(root: Path, artifact: Artifact) -> None:
    with started(root) as process, half_a_request(process):
        process.terminate()
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=2) == 128 + signal.SIGTERM


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    return process.returncode, stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_printed_curl_works_at_once_and_ctrl_c_is_quiet(
    root: Path, artifact: Artifact, workers: str
) -> None:
    with started(root, "--workers", workers) as process:
        message = announced(process)
        (curl,) = (line for line in message.splitlines() if line.startswith("curl "))
        words = shlex.split(curl)
        answer = httpx.post(
            next(word for word in words if word.startswith("http")),
            content=words[words.index("-d") + 1],
            headers={"content-type": "application/json"},
        )
        assert answer.json()["backend"] == "local"
        status, stderr = interrupted(process)
    assert status == 0
    assert "Traceback" not in stderr
    assert "committee" not in stderr
    assert '"route": "/predict"' in stderr


def test_the_message_names_the_demo_page_or_how_to_build_it(
    root: Path, artifact: Artifact, tmp_path: Path
) -> None:
    with started(root, DEMO_ROOT=str(tmp_path)) as process:
        assert "make web" in announced(process)
    (tmp_path / "index.html").write_text("page")
    with started(root, DEMO_ROOT=str(tmp_path)) as process:
        message = announced(process)
        assert httpx.get(f"{address(message)}/demo/").text == "page"
    assert f"{address(message)}/demo/" in message


def test_the_server_is_ready_soon_and_small(root: Path, artifact: Artifact) -> None:
    began = time.perf_counter()
    with started(root) as process:
        url = address(announced(process))
        while httpx.get(f"{url}/readyz").status_code != 200:
            assert time.perf_counter() - began < 15
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{process.pid}/status")
        resident = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    assert seconds < 15
    if resident is not None:
        assert int(resident[1]) < 200_000


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "eighty"), ("DEFAULT_MODEL", "nothing"), ("AVAILABLE_MODELS", "a,b")],
)
def test_a_bad_setting_stops_the_start_with_one_line(
    root: Path, artifact: Artifact, name: str, value: str
) -> None:
    result = run(root, **{name: value})
    assert result.returncode == 2
    assert result.stderr.startswith(f"error {name}: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_an_empty_registry_stops_the_start_with_one_line(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere")
    assert result.returncode == 1
    assert "make export" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_manifest_stops_the_start_with_one_line(root: Path, artifact: Artifact) -> None:
    (artifact.folder / "manifest.json").write_text("{}")
    result = run(root)
    assert result.returncode == 1
    assert "manifest.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_busy_port_is_one_line(root: Path, artifact: Artifact, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(root, "--port", str(port), "--workers", workers)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error port {port} of 127.0.0.1 is in use")
    assert len(result.stderr.splitlines()) == 1


def test_a_host_that_is_not_here_is_one_line(root: Path, artifact: Artifact) -> None:
    result = run(root, "--host", "no.such.host.invalid")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def test_check_config_shows_settings_and_models(root: Path, artifact: Artifact) -> None:
    result = run(root, "--check-config", MIN_TEXT_LENGTH="7")
    assert result.returncode == 0
    assert re.search(r"MIN_TEXT_LENGTH\W+7\W+set", result.stdout)
    assert "hash-tiny@1.0.0" in result.stdout


@pytest.mark.parametrize("changes", [{"PORT": "x"}, {"DEFAULT_MODEL": "nothing"}])
def test_check_config_fails_on_a_bad_setting(
    root: Path, artifact: Artifact, changes: dict[str, str]
) -> None:
    result = run(root, "--check-config", **changes)
    assert result.returncode == 1
    assert next(iter(changes)) in result.stderr


def test_check_config_finds_a_flipped_byte(root: Path, artifact: Artifact) -> None:
    content = artifact.path("model.onnx").read_bytes()
    artifact.path("model.onnx").write_bytes(content[:-1] + b"!")
    result = run(root, "--check-config")
    assert result.returncode == 1
    assert "model.onnx" in result.stdout


def test_help_teaches(tmp_path: Path) -> None:
    result = run(tmp_path, "--help")
    assert result.returncode == 0
    assert "python -m runtime_server --host" in result.stdout
    for name in Settings.model_fields:
        assert name.upper() in result.stdout


def test_serving_loads_nothing_that_only_making_models_needs(
    root: Path, artifact: Artifact
) -> None:
    script = (
        "import asyncio, json, sys\n"
        "from registry import FileStore\n"
        "from runtime_server.app import app_from_environment\n"
        "from runtime_server.local_engine import LocalEngine\n"
        "from runtime_server.settings import load_settings\n"
        "app_from_environment().openapi()\n"
        "settings = load_settings()\n"
        "artifact = FileStore(settings.registry_root).resolve('hash-tiny')\n"
        "asyncio.run(LocalEngine.of(settings).predict(artifact, ('A text.',)))\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    result = subprocess.run(
        (sys.executable, "-c", script),
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(result.stdout) == []


def test_importing_the_server_reads_no_settings(root: Path) -> None:
    result = subprocess.run(
        (sys.executable, "-c", "import runtime_server.app, runtime_server.serving"),
        env=environment(root, PORT="eighty"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0
