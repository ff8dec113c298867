"""Every snippet of docs/client.md, run against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from registry import FileStore
from registry.store import DEFAULT_ROOT
from tests.server.command import environment

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs" / "client.md"
URL = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def address(tiny_client: httpx.Client) -> str:
    return str(tiny_client.base_url).rstrip("/")


@pytest.mark.parametrize("place", range(len(blocks("python"))))
def test_a_python_snippet_runs(
    place: int, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snippet = blocks("python")[place]
    assert URL in snippet
    exec(compile(snippet.replace(URL, address), str(DOCS), "exec"), {})  # noqa: S102
    assert capsys.readouterr().out
    for artifact in FileStore(tmp_path / "models").artifacts():
        artifact.verify()


def test_the_shell_commands_run(address: str, tmp_path: Path) -> None:
    (tmp_path / "essay.txt").write_text("An essay.\nIt has two lines.\n")
    (tmp_path / "texts.txt").write_text("One text.\nAnother text.\n")
    (commands,) = blocks("sh")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ("bash", "-e", "-o", "pipefail", "-c", commands.replace(URL, address)),
        env={**environment(DEFAULT_ROOT, DEFAULT_MODEL="lexical-tiny", COLUMNS="80"), "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (shown,) = blocks("text")
    lines = without_times(done.stdout).splitlines()
    assert lines[:4] == without_times(shown).splitlines()
    assert len([line for line in lines if line.startswith("{")]) == 2


def without_times(text: str) -> str:
    return re.sub(r"[0-9.]+ ms.*", "", text)
