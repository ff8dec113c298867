"""`python -m export verify`: what it says of an artifact that is as built, and of others."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.errors import VerificationError
from export.passes.verify import GraphRun
from export.published.checks import Check
from export.published.drift_from_source import check_drift
from export.published.golden import GoldenVector, read_golden
from export.published.golden_checks import GoldenRun
from export.published.verification import verify_artifact
from registry import Artifact, FileStore
from tests.export.artifacts import copied, republished


@pytest.fixture
def own(lexical_tiny: Artifact, tmp_path: Path) -> Artifact:
    """A copy of lexical-tiny, to be changed."""
    return copied(lexical_tiny, tmp_path / "artifacts")


def with_golden(artifact: Artifact, name: str, value: object) -> Artifact:
    """The artifact with another value in its fourth golden vector."""
    path = artifact.path("golden.jsonl")
    lines = path.read_text("ascii").rstrip("\n").split("\n")
    lines[3] = json.dumps({**json.loads(lines[3]), name: value})
    path.write_text("\n".join(lines) + "\n", "ascii")
    return republished(artifact)


def golden_run(artifact: Artifact) -> GoldenRun:
    return GoldenRun.of(artifact, GraphRun(artifact.path("model.onnx")))


def only_check(artifact: Artifact) -> Check:
    (check,) = verify_artifact(artifact, None, FileStore(artifact.folder.parents[1]))
    return check


def test_an_artifact_that_is_as_built_passes_every_check(lexical_tiny: Artifact) -> None:
    root = str(lexical_tiny.folder.parents[1])
    result = CliRunner().invoke(app, ["verify", "lexical-tiny", "--root", root, "--json"])
    assert result.exit_code == 0
    (row,) = json.loads(result.stdout)
    assert row["digest"] == lexical_tiny.manifest.digest
    assert [(check["name"], check["passed"]) for check in row["checks"]] == [
        ("files", True),
        ("graph", True),
        ("preparation", True),
        ("onnxruntime", True),
        ("batch of mixed lengths", True),
        ("onnxruntime-web", True),
        ("drift from source, p99", True),
    ]
    assert all(c["measured"] <= c["allowed"] for c in row["checks"] if c["measured"] is not None)
    assert row["checks"][-1]["recorded"] == row["checks"][-1]["measured"]


def test_the_source_is_left_out_on_request(own: Artifact) -> None:
    root = str(own.folder.parents[1])
    result = CliRunner().invoke(app, ["verify", "--all", "--no-source", "--root", root, "--json"])
    assert result.exit_code == 0
    (row,) = json.loads(result.stdout)
    assert [c["name"] for c in row["checks"] if not c["passed"]] == ["drift from source, p99"]


def test_golden_vectors_that_cannot_be_read_are_named_by_line(own: Artifact) -> None:
    own.path("golden.jsonl").write_text("{}\n", "ascii")
    with pytest.raises(VerificationError, match=r"golden\.jsonl, line 1: no golden vector"):
        read_golden(republished(own))


def test_a_golden_vector_that_is_not_met_fails_by_text_and_number(own: Artifact) -> None:
    probability = read_golden(own)[3].probability
    run = golden_run(with_golden(own, "probability", probability + 1e-3))
    for check in (run.check_native(), run.check_wasm()):
        assert check.passed is False
        assert check.detail.startswith("text 3 (")
        assert f"{probability:.7f} instead of {probability + 1e-3:.7f}" in check.detail
        assert check.measured == pytest.approx(1e-3, abs=1e-6)


def test_another_normal_form_fails_by_text(own: Artifact) -> None:
    check = golden_run(with_golden(own, "normalized", "other")).check_preparation()
    assert check.passed is False
    assert check.detail.startswith("text 3 (")


def test_damaged_files_fail_the_command(own: Artifact) -> None:
    own.path("model.onnx").write_bytes(b"damaged")
    root = str(own.folder.parents[1])
    result = CliRunner().invoke(app, ["verify", "--all", "--root", root])
    assert result.exit_code == 1
    assert "model.onnx has 7 bytes" in result.stdout.replace("\n", " ")


def test_a_file_that_no_manifest_lists_is_found(own: Artifact) -> None:
    (own.folder / "model.onnx.data").write_bytes(b"")
    check = only_check(own)
    assert (check.name, check.passed) == ("files", False)
    assert check.detail.endswith("also has model.onnx.data")


def test_what_is_no_graph_is_said_to_be_none(own: Artifact) -> None:
    own.path("model.onnx").write_bytes(b"no graph")
    files, graph = verify_artifact(republished(own), None, FileStore(own.folder.parents[1]))
    assert files.passed
    assert graph.passed is False
    assert "onnxruntime cannot load the graph" in graph.detail


def test_without_its_recipe_an_artifact_is_not_compared_with_its_source(own: Artifact) -> None:
    run = GraphRun(own.path("model.onnx"))
    check = check_drift(own, run, None, FileStore(own.folder.parents[1]))
    assert check.passed is None
    assert check.detail == "only with its recipe"


def test_a_command_without_artifacts_says_what_to_name() -> None:
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 2
    assert "name artifacts, or say --all" in result.output


def test_golden_vectors_keep_lone_surrogates(lexical_tiny: Artifact) -> None:
    assert any("\ud800" in vector.text for vector in read_golden(lexical_tiny))
    line = '{"text": "\\ud800", "normalized": "\\ufffd", "ids": [1], "probability": 1}'
    assert GoldenVector.of_line(line) == GoldenVector("\ud800", "\ufffd", (1,), (), 1.0)
