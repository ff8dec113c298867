"""The catalogue on a GPU: the same probabilities, and the products really run there."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from benchmarks.cuda import CUDA, CudaCheck, check, has_gpu, markdown, placement
from export.tolerances import tolerance_for
from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT

# fp32 on a GPU adds up in another order than on a CPU.
CUDA_TOLERANCE = 1e-4
PRODUCTS = {"MatMul", "Gemm", "MatMulNBits", "FusedMatMul", "Attention", "MultiHeadAttention"}
ARTIFACTS = FileStore(DEFAULT_ROOT).artifacts()


@pytest.mark.skipif(not has_gpu(), reason=f"no GPU: onnxruntime has no {CUDA} here")
@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda a: a.manifest.reference)
def test_golden_vectors_are_the_same_on_a_gpu(artifact: Artifact) -> None:
    found = check(artifact)
    text_in = artifact.manifest.input.kind == "text"
    allowed = tolerance_for(artifact.manifest.quantization, text_in=text_in).runtime
    assert found.max_abs_diff <= max(allowed, CUDA_TOLERANCE)
    if not text_in:
        assert found.on_cuda > 0
        assert not PRODUCTS.intersection(found.off_cuda), found.off_cuda


def test_a_profile_says_where_each_node_ran(tmp_path: Path) -> None:
    artifact = FileStore(DEFAULT_ROOT).resolve("lexical-tiny")
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    providers = ["CPUExecutionProvider"]
    session = ort.InferenceSession(artifact.path("model.onnx"), options, providers=providers)
    session.run(["probability"], {"text": np.array(["a text"], dtype=object)})
    placed = placement(Path(session.end_profiling()))
    assert {provider for _, provider in placed} == set(providers)
    assert "MurmurHash3" in {operator for operator, _ in placed}


def test_nodes_that_do_not_run_on_the_gpu_are_listed() -> None:
    found = CudaCheck(
        "a@1", n=65, max_abs_diff=2e-6, on_cuda=40, off_cuda={"Shape": 3, "Gather": 1}
    )
    assert "| a@1 | 65 | 2.0e-06 | 40 | 1 Gather, 3 Shape |" in markdown([found])
