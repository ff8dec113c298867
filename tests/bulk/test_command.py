"""`python -m runtime_server score` in a process of its own."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from benchmarks.live_server import live_server
from benchmarks.mixed_texts import mixed_texts
from registry.store import DEFAULT_ROOT
from tests.bulk.conftest import read_lines, write_lines
from tests.server.command import COMMAND, environment, started
from tests.waiting import wait_for

LEXICAL = {"DEFAULT_MODEL": "lexical-tiny"}


def score(
    *arguments: str, folder: Path, most_bytes: int | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    def small_disk() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    return subprocess.run(
        (*COMMAND, "score", *arguments),
        cwd=folder,
        env=environment(DEFAULT_ROOT, **{**LEXICAL, **changes}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=small_disk,
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    texts = ["word " * 3_000, "", *mixed_texts(298)]
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    return write_lines(tmp_path / "in.jsonl", rows)


@pytest.mark.parametrize("model", ["lexical-tiny", "minilm-small"])
def test_probabilities_are_those_of_predict(tmp_path: Path, corpus: Path, model: str) -> None:
    done = score(corpus.name, "out.jsonl", "--model", model, "--limit", "60", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "done 60 rows in out.jsonl, 60 scored in" in done.stdout
    assert "1 without a probability; their column error says why:" in done.stdout
    found = read_lines(tmp_path / "out.jsonl")
    with live_server(DEFAULT_MODEL=model) as url, httpx.Client(base_url=url, timeout=60) as client:
        for row in (found[0], *found[2:20]):
            answer = client.post("/predict", json={"text": row["text"]}).raise_for_status().json()
            assert row["probability"] == pytest.approx(answer["probability"], abs=1e-5)
            assert row["prediction"] == answer["prediction"]
            assert row["windows"] == answer["metadata"]["windows"]
            assert row["digest"] == answer["metadata"]["artifact_digest"]


def many(folder: Path) -> Path:
    rows = [{"n": n, "text": f"{text} {n}"} for n, text in enumerate(mixed_texts(200) * 30)]
    return write_lines(folder / "many.jsonl", rows)


def test_a_run_that_was_killed_goes_on_and_loses_and_doubles_no_row(tmp_path: Path) -> None:
    corpus, parts = many(tmp_path), tmp_path / "out.jsonl.parts"
    arguments = (str(corpus), str(tmp_path / "out.jsonl"), "--part-rows", "50")
    with started(DEFAULT_ROOT, "score", *arguments, **LEXICAL) as running:
        wait_for(lambda: len([*parts.glob("part-*")]) >= 5, within_s=60)
        os.killpg(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.jsonl").exists()
    done = score(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "of 6,000 rows are kept from an earlier run" in done.stderr
    assert f"{6_000:,} scored" not in done.stdout
    at_once = score(str(corpus), "at_once.jsonl", folder=tmp_path)
    assert at_once.returncode == 0, at_once.stderr
    found, expected = (read_lines(tmp_path / name) for name in ("out.jsonl", "at_once.jsonl"))
    assert [row["n"] for row in found] == [*range(6_000)]
    for row, other in zip(found, expected, strict=True):
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert not parts.exists()


def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    corpus, parts = many(tmp_path), tmp_path / "out.jsonl.parts"
    arguments = (str(corpus), str(tmp_path / "out.jsonl"), "--part-rows", "50")
    with started(DEFAULT_ROOT, "score", *arguments, **LEXICAL) as running:
        wait_for(lambda: len([*parts.glob("part-*")]) >= 5, within_s=60)
        os.killpg(running.pid, signal.SIGINT)
        told = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert told.splitlines()[-1] == (
        f"interrupted; what is finished is kept in {tmp_path}/out.jsonl.parts; the same command "
        "goes on"
    )


def test_a_full_disk_loses_nothing(tmp_path: Path, corpus: Path) -> None:
    arguments = (corpus.name, "out.jsonl", "--part-rows", "100")
    full = score(*arguments, folder=tmp_path, most_bytes=30_000)
    assert full.returncode == 1
    assert "error [Errno 27] File too large" in full.stderr
    assert "what is finished is kept in out.jsonl.parts; the same command goes on" in full.stderr
    assert not (tmp_path / "out.jsonl").exists()
    done = score(*arguments, folder=tmp_path)
    assert "300 rows in out.jsonl, all scored by an earlier run" in done.stdout
    assert len(read_lines(tmp_path / "out.jsonl")) == 300


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("in.jsonl", "in.jsonl"), 1, "take the place of the input"),
        (("in.jsonl", "none/out.jsonl"), 1, "there is no folder none"),
        (("none.jsonl", "out.jsonl"), 1, "none.jsonl is no file"),
        (("in.jsonl", "out.jsonl", "--text-column", "body"), 1, "no line has 'body'"),
        (("in.jsonl", "out.jsonl", "--model", "none"), 2, "no such model here; there are: "),
        (("in.jsonl", "out.jsonl", "--limit", "0"), 2, "Invalid value for '--limit'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, corpus: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    done = score(*arguments, folder=tmp_path, COLUMNS="120")
    assert (done.returncode, done.stdout) == (status, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("pyarrow", "bulk", ("in.jsonl", "out.parquet")),
        ("ray", "ray", ("in.jsonl", "out.jsonl", "--engine", "ray")),
    ],
)
def test_an_extra_that_is_missing_is_named(
    tmp_path: Path, corpus: Path, package: str, extra: str, arguments: tuple[str, ...]
) -> None:
    without = f"import sys; sys.modules[{package!r}] = None; from runtime_server.command import app"
    done = subprocess.run(
        (sys.executable, "-c", f"{without}; app()", "score", *arguments),
        cwd=tmp_path,
        env=environment(DEFAULT_ROOT, **LEXICAL),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"error {package} is not installed: pip install 'samegraph[{extra}]'\n"


def test_help_teaches(tmp_path: Path) -> None:
    told = score("--help", folder=tmp_path, COLUMNS="120").stdout
    assert "score essays.jsonl scored.jsonl --model minilm-small" in told
    assert "the same command goes on from there" in " ".join(told.split())
