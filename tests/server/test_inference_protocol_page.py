"""docs/inference-protocol.md: its commands, run against the real command's server."""

import json
import re
import subprocess
import sys

import httpx
import pytest

from registry import Artifact
from registry.store import DEFAULT_ROOT
from tests.conftest import ROOT
from tests.server.command import address, announced, started

PAGE = ROOT / "docs" / "inference-protocol.md"
RUN = {"sh": ("bash", "-euo", "pipefail", "-c"), "python": (sys.executable, "-W", "error", "-c")}


def test_the_commands_of_the_page_get_the_answers_of_predict(lexical_tiny: Artifact) -> None:
    page = PAGE.read_text("utf-8")
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    assert set(blocks) == set(RUN)
    chosen = {"DEFAULT_MODEL": "lexical-tiny", "AVAILABLE_MODELS": "lexical-tiny"}
    with started(DEFAULT_ROOT, **chosen) as process:
        url = address(announced(process))

        def printed(language: str) -> str:
            command = blocks[language].replace("127.0.0.1:8000", url.removeprefix("http://"))
            return subprocess.run(
                (*RUN[language], command), capture_output=True, text=True, timeout=60, check=True
            ).stdout

        (texts,) = map(json.loads, re.findall(r"texts = (\[.*\])", blocks["python"]))
        answer = httpx.post(f"{url}/batch-predict", json={"texts": texts, "threshold": 0.9})
        results = answer.json()["results"]
        by_curl = json.loads(printed("sh"))
        by_python = re.findall(r"[0-9.]+", printed("python"))
    expected = [result["probability"] for result in results]
    assert by_curl["outputs"][0]["data"] == pytest.approx(expected[:1], abs=1e-6)
    assert list(map(float, by_python[:2])) == pytest.approx(expected, abs=1e-6)
    assert list(map(int, by_python[2:])) == [result["prediction"] for result in results]
