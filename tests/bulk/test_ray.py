"""A cluster of two nodes, each of real processes, one of which is killed while it works."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmarks.live_server import free_port
from benchmarks.mixed_texts import mixed_texts
from registry.store import DEFAULT_ROOT
from tests.bulk.conftest import read_lines, write_lines
from tests.server.command import COMMAND, environment, run
from tests.waiting import wait_for

pytest.importorskip("ray")
RAY = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1")
SMALL = ("--object-store-memory=100000000", "--disable-usage-stats")


@pytest.fixture(scope="module")
def surroundings() -> Mapping[str, str]:
    return environment(
        DEFAULT_ROOT,
        DEFAULT_MODEL="minilm-small",
        RAY_USAGE_STATS_ENABLED="0",
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
    )


@contextmanager
def node(log: Path, surroundings: Mapping[str, str], *arguments: str) -> Iterator[int]:
    """A node in a group of its own; yields the group once the node runs."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*RAY, *SMALL, *arguments),
            env=surroundings,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "Ray runtime started" in log.read_text(), within_s=90)
        yield process.pid
    finally:
        kill(process.pid)
        process.wait()


def kill(group: int) -> None:
    with suppress(ProcessLookupError):  # a test may have done it
        os.killpg(group, signal.SIGKILL)


@pytest.fixture(scope="module")
def head(
    tmp_path_factory: pytest.TempPathFactory, surroundings: Mapping[str, str]
) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("ray") / "head.log"
    with node(log, surroundings, "--head", f"--port={port}", "--include-dashboard=false"):
        yield f"127.0.0.1:{port}"


def arguments(folder: Path, head: str) -> Sequence[str]:
    texts = [f"{text} {n}" for n, text in enumerate(mixed_texts(500))]
    rows = [{"n": n, "text": text} for n, text in enumerate(["", *texts])]
    corpus = write_lines(folder / "in.jsonl", rows)
    ray = ("--engine", "ray", "--ray-address", head)
    return (str(corpus), str(folder / "out.jsonl"), *ray, "--part-rows", "10")


def test_what_a_killed_node_had_is_scored_elsewhere(
    tmp_path: Path, head: str, surroundings: Mapping[str, str]
) -> None:
    told, parts = tmp_path / "told.log", tmp_path / "out.jsonl.parts"
    with (
        node(tmp_path / "second.log", surroundings, f"--address={head}") as second,
        told.open("wb") as output,
        subprocess.Popen(
            (*COMMAND, "score", *arguments(tmp_path, head)),
            env=surroundings,
            stdout=output,
            stderr=output,
        ) as running,
    ):
        wait_for(lambda: told.read_text().count("a worker on ") == 2, within_s=120)
        before = len([*parts.glob("part-*")])
        wait_for(lambda: len([*parts.glob("part-*")]) > before + 2, within_s=60)
        kill(second)
        assert running.wait(240) == 0, told.read_text()
    assert "a worker is lost: rows " in told.read_text()
    found = read_lines(tmp_path / "out.jsonl")
    assert [row["n"] for row in found] == [*range(501)]
    assert [row["n"] for row in found if row["error"]] == [0]
    files = (str(tmp_path / "in.jsonl"), str(tmp_path / "here.jsonl"))
    here = run(DEFAULT_ROOT, "score", *files, "--limit", "60", DEFAULT_MODEL="minilm-small")
    assert here.returncode == 0, here.stderr
    for row, other in zip(found[1:60], read_lines(tmp_path / "here.jsonl")[1:], strict=True):
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-5)
        assert row["digest"] == other["digest"]
