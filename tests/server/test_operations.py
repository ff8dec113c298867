"""Processes that stop, die, are replaced: what callers and load balancers see of it."""

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from registry import Artifact
from tests.server.command import address, announced, started
from tests.server.conftest import hash_graph

Publish = Callable[..., Artifact]
KEY = "a key of the operator"
PATIENCE_S = 20.0


def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
    """Seconds until the condition held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it never came"
        time.sleep(0.02)
    return time.monotonic() - began


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline") for pid in children}
    return {pid for pid, file in commands.items() if b"spawn_main" in _read(file)}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def status(url: str, path: str) -> int:
    try:
        return httpx.get(f"{url}{path}", timeout=5).status_code
    except httpx.TransportError:
        return 0


def test_a_worker_that_is_killed_is_replaced_within_seconds(root: Path, artifact: Artifact) -> None:
    with started(root, "--workers", "2") as process:
        url = address(announced(process))
        before = workers_of(process)
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(workers_of(process) - {min(before)}) == 2, within_s=5)
        until(lambda: all(status(url, "/readyz") == 200 for _ in range(10)))
        assert httpx.post(f"{url}/predict", json={"text": "x"}).status_code == 200


def test_readiness_falls_at_sigterm_while_callers_are_still_answered(
    root: Path, artifact: Artifact
) -> None:
    with started(root, SHUTDOWN_DRAIN_S="1.5") as process:
        url = address(announced(process))
        until(lambda: status(url, "/readyz") == 200)
        process.terminate()
        until(lambda: status(url, "/readyz") == 503, within_s=1)
        assert httpx.get(f"{url}/readyz").json()["detail"] == "the server is stopping"
        assert httpx.post(f"{url}/predict", json={"text": "x"}).status_code == 200
        assert status(url, "/livez") == 200
        assert process.wait(timeout=PATIENCE_S) == 0


def test_a_second_signal_ends_draining_at_once(root: Path, artifact: Artifact) -> None:
    with started(root, SHUTDOWN_DRAIN_S="600") as process:
        url = address(announced(process))
        process.terminate()
        until(lambda: status(url, "/readyz") == 503)
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM


def test_a_second_signal_ends_all_workers_at_once(root: Path, artifact: Artifact) -> None:
    with started(root, "--workers", "2", SHUTDOWN_DRAIN_S="600") as process:
        announced(process)
        workers = workers_of(process)
        process.terminate()
        time.sleep(1)
        assert process.poll() is None
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 128 + signal.SIGTERM
        until(lambda: not any(Path(f"/proc/{pid}/task").exists() for pid in workers))


def test_a_server_that_stops_lets_others_be_asked_at_once(root: Path, artifact: Artifact) -> None:
    with started(root, "--workers", "2") as process:
        url = httpx.URL(address(announced(process)))
        until(lambda: status(str(url), "/readyz") == 200)
        with socket.create_connection((url.host, url.port or 0)) as slow:
            slow.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n")
            slow.sendall(b"Content-Type: application/json\r\n\r\n")
            time.sleep(0.3)
            process.terminate()

            def is_refused() -> bool:
                with socket.socket() as another:
                    return another.connect_ex((url.host, url.port or 0)) == errno.ECONNREFUSED

            until(is_refused, within_s=5)
            # What was accepted is answered none the less.
            assert process.poll() is None
            slow.sendall(b'{"text": "a"}')
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        assert process.wait(timeout=PATIENCE_S) == 0


def test_models_that_are_preloaded_have_answered_before_the_server_is_ready(
    root: Path, artifact: Artifact, publish: Publish
) -> None:
    publish(hash_graph(seed=1), model_id="another")
    with started(root, PRELOAD_MODELS="another", ADMIN_KEY=KEY) as process:
        url = address(announced(process))
        until(lambda: status(url, "/readyz") == 200)
        headers = {"Authorization": f"Bearer {KEY}"}
        models = httpx.get(f"{url}/admin/models", headers=headers).json()["models"]
    assert {state["model"]: state["loaded"] for state in models} == {
        "another@1.0.0": True,
        "hash-tiny@1.0.0": True,
    }


def test_a_server_whose_preloaded_model_is_damaged_is_not_ready_and_says_which(
    root: Path, artifact: Artifact, publish: Publish
) -> None:
    other = publish(hash_graph(seed=1), model_id="another")
    (other.folder / "model.onnx").write_bytes(b"no graph")
    with started(root, PRELOAD_MODELS="another") as process:
        url = address(announced(process))
        until(lambda: "another@1.0.0" in httpx.get(f"{url}/readyz").text)
        assert status(url, "/readyz") == 503
        assert status(url, "/livez") == 200


def versions(url: str) -> Iterator[str]:
    while True:
        answer = httpx.post(f"{url}/predict", json={"text": "x"}, timeout=PATIENCE_S)
        assert answer.status_code == 200
        yield answer.json()["metadata"]["model_version"]


def test_several_workers_are_replaced_by_a_reload_without_a_failed_request(
    root: Path, artifact: Artifact, publish: Publish
) -> None:
    with started(root, "--workers", "2", ADMIN_KEY=KEY) as process:
        url = address(announced(process))
        before, seen = workers_of(process), versions(url)
        assert next(seen) == "1.0.0"
        publish(hash_graph(seed=1), version="1.1.0")
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{url}/admin/reload", headers=headers)
        assert (answer.status_code, answer.json()["status"]) == (202, "workers_restarting")
        until(lambda: next(seen) is not None and not before & workers_of(process))
        assert {next(seen) for _ in range(10)} == {"1.1.0"}


def resident_mb(process: subprocess.Popen[str]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def test_ten_thousand_streamed_items_take_no_memory_to_speak_of(
    root: Path, artifact: Artifact
) -> None:
    texts = [
        f"{number} " + "some words that make a text of usual length " * 20
        for number in range(10_000)
    ]
    with started(root, MAX_BATCH_ITEMS="10000") as process:
        url = address(announced(process))
        assert httpx.post(f"{url}/predict", json={"text": texts[0]}).status_code == 200
        before, most, lines = resident_mb(process), 0.0, 0
        headers = {"Accept": "application/x-ndjson"}
        body = {"texts": texts}
        with httpx.stream("POST", f"{url}/batch-predict", json=body, headers=headers) as answer:
            for line in answer.iter_lines():
                assert f'"index":{lines},"status":200' in line
                lines += 1
                if lines % 500 == 0:
                    most = max(most, resident_mb(process))
    assert lines == 10_000
    assert most - before < 100
