"""Several workers, one /metrics."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from registry import Artifact
from tests.server.command import address, announced, started
from tests.server.test_metrics import samples

NAME = "hash-tiny@1.0.0"
REQUESTS = ("requests_total", f"200,{NAME},/predict")
LOADED = ("model_loaded", NAME)
Samples = dict[tuple[str, str], float]


def scraped(url: str) -> Samples:
    """On a connection of its own, so that any worker may take it."""
    with httpx.Client(base_url=url) as client:
        return samples(client)


def wait_until(url: str, holds: Callable[[Samples], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds(scraped(url)):
        assert time.monotonic() < deadline, scraped(url)
        time.sleep(0.05)


def workers_of(pid: int) -> list[int]:
    """The children that serve; another one tracks what they share."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def test_any_worker_shows_the_sum_of_all_and_the_folder_is_removed(
    root: Path, artifact: Artifact, tmp_path: Path
) -> None:
    with started(root, "--workers", "2", TMPDIR=str(tmp_path)) as process:
        url = address(announced(process))
        wait_until(url, lambda found: found.get(LOADED) == 2)
        for _ in range(20):
            assert httpx.post(f"{url}/predict", json={"text": "a"}).status_code == 200
        seen = [scraped(url) for _ in range(8)]
        assert {found[REQUESTS] for found in seen} == {20}
        assert {found["model_memory_bytes", NAME] for found in seen} == {2_000_000}
        assert {found["queue_tokens", NAME] for found in seen} == {0}
        (folder,) = tmp_path.glob("samegraph-metrics-*")
        assert folder.stat().st_mode & 0o77 == 0

        lost = workers_of(process.pid)[0]
        os.kill(lost, signal.SIGKILL)
        # Its models are gone with it, until the next worker has its own; its counts stay.
        gauges = folder / f"gauge_livesum_{lost}.db"
        wait_until(url, lambda found: not gauges.exists() and found[LOADED] == 2)
        assert scraped(url)[REQUESTS] == 20

        process.terminate()
        process.wait(timeout=20)
        assert process.returncode == 0
        assert not folder.exists()


def test_workers_share_the_memory_budget_and_say_so(root: Path, artifact: Artifact) -> None:
    # The model takes a megabyte: it fits the budget, and half of it not.
    budget = {"VPS_CPU_MEMORY_GB": "0.0015"}
    with started(root, "--workers", "2", **budget) as process:
        url = address(announced(process))
        answer = httpx.post(f"{url}/predict", json={"text": "a"})
        assert (answer.status_code, answer.json()["code"]) == (503, "all_backends_failed")
        (attempt,) = (a for a in answer.json()["attempts"] if a["backend"] == "local")
        assert attempt["reason"] == "exceeds_memory_budget"
        assert "a server process may use" in attempt["detail"]
    with started(root, **budget) as process:
        url = address(announced(process))
        assert httpx.post(f"{url}/predict", json={"text": "a"}).status_code == 200
