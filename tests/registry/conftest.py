from pathlib import Path

import pytest

from registry import Manifest, SizeCategory, sha256_of_bytes
from registry.manifest import (
    ArtifactFile,
    BrowserSupport,
    Contract,
    Decision,
    Drift,
    InputSpec,
    OutputSpec,
    Parity,
    Provenance,
    Quality,
    Quantization,
    QuantizationScheme,
    Routing,
    RuntimeRequirements,
    Source,
    artifact_digest,
)

FILES = {"model.onnx": b"graph", "golden.jsonl": b"{}\n"}


def manifest_of(
    files: dict[str, bytes], model_id: str = "demo", version: str = "1.0.0"
) -> Manifest:
    listed = tuple(
        ArtifactFile(path=name, sha256=sha256_of_bytes(content), bytes=len(content))
        for name, content in files.items()
    )
    contract = Contract(
        task="ai-text-detection",
        labels=("human", "ai"),
        input=InputSpec(kind="text", normalizer="norm-1", max_tokens=None, window=None),
        outputs=(OutputSpec(name="probability", dtype="float32", shape=("N",)),),
        decision=Decision(threshold=0.9, target_fpr=0.02, calibration="platt"),
        quantization=Quantization(scheme=QuantizationScheme.FP32, bits=32),
    )
    size = sum(file.bytes for file in listed)
    return Manifest(
        **{name: getattr(contract, name) for name in Contract.model_fields},
        model_id=model_id,
        version=version,
        digest=artifact_digest(listed, contract),
        files=listed,
        size_bytes=size,
        size_category=SizeCategory.of(size),
        routing=Routing.for_category(SizeCategory.of(size)),
        runtime=RuntimeRequirements(
            opset=20,
            ir_version=9,
            min_ort="1.17.0",
            providers=("CPUExecutionProvider",),
            browser=BrowserSupport(supported=True, reasons=()),
            memory_bytes=1,
        ),
        quality=Quality(
            dataset="demo",
            n=1,
            auroc=1,
            leave_one_domain_out_auroc=None,
            tpr_at_1pct_fpr=1,
            fpr_at_threshold=0,
            tpr_at_threshold=1,
            expected_calibration_error=0,
        ),
        parity=Parity(
            reference="demo",
            n=1,
            max_abs_diff={"onnxruntime": 0.0},
            batch_max_abs_diff=0.0,
            drift=Drift(n=1, p50=0, p99=0, max=0, flips=0),
        ),
        source=Source(kind="sklearn", reference="demo", licence="Apache-2.0", attribution=""),
        provenance=Provenance(tool_versions={}, source_digest="0" * 64, git_commit=None),
    )


@pytest.fixture
def manifest() -> Manifest:
    return manifest_of(FILES)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder
