"""`python -m benchmarks`: what it writes, and what it keeps."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measurement import Results
from benchmarks.results_file import read_results, write_results
from registry import Artifact
from tests.benchmarks.results import latency, results
from tests.conftest import ROOT


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_suite_that_there_is_not_is_refused_with_the_names_of_all() -> None:
    done = run("speed")
    assert done.returncode == 2
    assert "tiers, server, web" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_suites_result_joins_those_of_its_environment_and_leaves_others_alone(
    lexical_tiny: Artifact, tmp_path: Path
) -> None:
    out = tmp_path / "latest.json"
    elsewhere = results(latency([1.0]))
    write_results(elsewhere, out)
    done = run("cost", "--minutes", "0.1", "--out", out)
    assert done.returncode == 0, done.stderr
    found = read_results(out)
    assert [suite.suite for suite in found.suites] == ["cost"]
    assert lexical_tiny.manifest.digest in found.environment.artifacts.values()
    (beside,) = tmp_path.glob("latest-*.json")
    assert read_results(beside) == elsewhere
    for suffix in (".md", ".html"):
        assert "million texts" in out.with_suffix(suffix).read_text("utf-8")
    tiers = results(latency([1.0])).suites[0]
    write_results(Results(environment=found.environment, suites=(tiers,)), out)
    assert run("cost", "--minutes", "0.1", "--out", out).returncode == 0
    assert [suite.suite for suite in read_results(out).suites] == ["tiers", "cost"]


def test_a_file_that_is_none_of_results_is_not_overwritten(
    lexical_tiny: Artifact, tmp_path: Path
) -> None:
    out = tmp_path / "latest.json"
    out.write_text("mine")
    done = run("cost", "--out", out)
    assert (done.returncode, "--fresh" in done.stderr) == (1, True)
    assert out.read_text() == "mine"
