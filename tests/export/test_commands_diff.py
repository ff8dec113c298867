"""`python -m export diff`: what it says of two artifacts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

from export.__main__ import app
from export.published.graph_statistics import GraphStatistics
from registry import Artifact, FileStore
from tests.export.artifacts import copied, republished

SHRINKAGE = 0.5


@pytest.fixture(scope="module")
def root(lexical_tiny: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with lexical-tiny, and with one whose probabilities are SHRINKAGE times as high."""
    root = tmp_path_factory.mktemp("artifacts")
    copied(lexical_tiny, root)
    shrunk = copied(lexical_tiny, root, "lexical-shrunk")
    model = onnx.load(shrunk.path("model.onnx"))
    last = model.graph.node[-1]
    assert list(last.output) == ["probability"]
    last.output[0] = "unshrunk"
    factor = numpy_helper.from_array(np.array(SHRINKAGE, np.float32), "factor")
    model.graph.initializer.append(factor)
    shrink = onnx.helper.make_node("Mul", ["unshrunk", "factor"], ["probability"])
    model.graph.node.append(shrink)
    onnx.save(model, shrunk.path("model.onnx"))
    republished(shrunk)
    return root


def compared(root: Path, *names: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["diff", *names, "--root", str(root), "--json"])
    assert result.exit_code == 0, result.output
    comparison: dict[str, Any] = json.loads(result.stdout)
    return comparison


def test_two_artifacts_are_compared_by_manifest_graph_and_answers(root: Path) -> None:
    comparison = compared(root, "lexical-tiny", "lexical-shrunk")
    names = {pair["name"] for pair in comparison["manifest"]}
    assert names == {"size_bytes", "file model.onnx"}
    (mul,) = comparison["operators"]
    assert (mul["name"], mul["b"] - mul["a"]) == ("Mul", 1)
    before, after = comparison["parameters"]
    assert after == before + 1
    for text in comparison["most_different"]:
        assert text["b"] == pytest.approx(SHRINKAGE * text["a"])
    distances = [abs(text["a"] - text["b"]) for text in comparison["most_different"]]
    assert distances == sorted(distances, reverse=True)
    drift = comparison["drift"]
    assert drift["max"] == pytest.approx(distances[0], rel=0.05)
    assert 0 < drift["p50"] <= drift["p99"] <= drift["max"]


def test_an_artifact_does_not_differ_from_itself(root: Path) -> None:
    names = ["lexical-tiny", FileStore(root).resolve("lexical-tiny").manifest.reference]
    result = CliRunner().invoke(app, ["diff", *names, "--root", str(root)])
    said = " ".join(result.stdout.split())
    assert "over 500 texts: p50 0.0e+00, p99 0.0e+00, max 0.0e+00; 0.0% of the labels" in said
    assert "file model.onnx" not in said


def test_weights_that_are_packed_two_to_a_byte_count_as_two(tmp_path: Path) -> None:
    packed = numpy_helper.from_array(np.zeros((8, 2, 16), np.uint8), "packed")
    node = onnx.helper.make_node(
        "MatMulNBits", ["x", "packed", "scales"], ["y"], domain="com.microsoft", bits=4, N=8, K=64
    )
    graph = onnx.helper.make_graph([node], "packed", [], [], [packed])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "packed.onnx")
    statistics = GraphStatistics.of(tmp_path / "packed.onnx")
    assert statistics.parameters == 8 * 64
    assert statistics.operators == {"com.microsoft.MatMulNBits": 1}
