"""package: write the artifact's files into a folder and state them in a manifest."""

import json
from dataclasses import dataclass
from pathlib import Path

from export.passes.measure_memory import MeasuredGraph
from export.passes.verify import GoldenVector
from export.provenance import provenance
from export.sklearn_to_onnx import IR_VERSION, OPSETS
from registry import sha256_of_file
from registry.manifest import (
    GOLDEN_FILE,
    MODEL_FILE,
    ArtifactFile,
    Contract,
    InputSpec,
    Manifest,
    OutputSpec,
    Parity,
    Routing,
    RuntimeRequirements,
    SizeCategory,
    Source,
    artifact_digest,
)

# The first onnxruntime with StringConcat and opset 20.
MIN_ORT = "1.17.0"


@dataclass(frozen=True)
class PackagedArtifact:
    """A manifest and the folder that holds the files it lists."""

    manifest: Manifest
    folder: Path


def package(measured: MeasuredGraph, folder: Path) -> PackagedArtifact:
    """Write model.onnx and golden.jsonl into `folder` and describe them."""
    verified = measured.checked.verified
    (folder / MODEL_FILE).write_bytes(verified.graph.content)
    (folder / GOLDEN_FILE).write_text("".join(map(_golden_line, verified.golden)), "ascii")
    files = tuple(_described(folder / name) for name in (MODEL_FILE, GOLDEN_FILE))
    return PackagedArtifact(_manifest(measured, files), folder)


def _golden_line(vector: GoldenVector) -> str:
    # ASCII escapes keep lone surrogates, which UTF-8 cannot hold.
    values = {
        "text": vector.text,
        "normalized": vector.normalized,
        "ids": None,
        "probability": vector.probability,
    }
    return json.dumps(values) + "\n"


def _described(path: Path) -> ArtifactFile:
    return ArtifactFile(path=path.name, sha256=sha256_of_file(path), bytes=path.stat().st_size)


def _contract(measured: MeasuredGraph) -> Contract:
    loaded = measured.checked.verified.graph.loaded
    recipe = loaded.recipe
    return Contract(
        task=recipe.task,
        labels=recipe.labels,
        input=InputSpec(
            kind="text", normalizer=recipe.input.normalizer, max_tokens=None, window=None
        ),
        outputs=(OutputSpec(name="probability", dtype="float32", shape=("N",)),),
        decision=loaded.evaluation.decision(),
        quantization=recipe.quantization,
    )


def _parity(measured: MeasuredGraph) -> Parity:
    checked = measured.checked
    differences = {checked.verified.runtime: checked.verified.max_abs_diff}
    if checked.max_abs_diff is not None:
        differences[checked.runtime] = checked.verified.max_abs_diff + checked.max_abs_diff
    return Parity(
        reference=checked.verified.graph.loaded.reference,
        n=len(checked.verified.golden),
        max_abs_diff={name: float(f"{value:.1e}") for name, value in differences.items()},
    )


def _manifest(measured: MeasuredGraph, files: tuple[ArtifactFile, ...]) -> Manifest:
    loaded = measured.checked.verified.graph.loaded
    contract = _contract(measured)
    size = sum(file.bytes for file in files)
    category = SizeCategory.of(size)
    return Manifest(
        **{name: getattr(contract, name) for name in Contract.model_fields},
        model_id=loaded.recipe.model_id,
        version=loaded.recipe.version,
        digest=artifact_digest(files, contract),
        files=files,
        size_bytes=size,
        size_category=category,
        routing=Routing.for_category(category),
        runtime=RuntimeRequirements(
            opset=OPSETS[""],
            ir_version=IR_VERSION,
            min_ort=MIN_ORT,
            providers=("CPUExecutionProvider",),
            browser=measured.checked.browser,
            memory_bytes=measured.memory_bytes,
        ),
        quality=loaded.evaluation.quality(),
        parity=_parity(measured),
        source=Source(
            kind=loaded.recipe.source.kind,
            reference=loaded.recipe.source.reference,
            licence=loaded.recipe.source.licence,
            attribution=loaded.recipe.source.attribution,
        ),
        provenance=provenance(loaded.recipe),
    )
