"""package: write the artifact's files into a folder and state them in a manifest."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.errors import VerificationError
from export.passes.measure_memory import MeasuredGraph
from export.passes.verify import VerifiedGraph
from export.provenance import provenance
from registry import sha256_of_file
from registry.manifest import (
    GOLDEN_FILE,
    ArtifactFile,
    Contract,
    Manifest,
    Parity,
    QuantizationScheme,
    Routing,
    RuntimeRequirements,
    SizeCategory,
    Source,
    artifact_digest,
)

# The first onnxruntime with opset 20, tried on both models of the catalogue.
MIN_ORT = "1.17.0"
# Tried from 1.17 on: MatMulNBits of 8 bits needs more.
MIN_ORT_BY_SCHEME = {QuantizationScheme.NBITS8: "1.23.0"}


@dataclass(frozen=True)
class PackagedArtifact:
    """A manifest and the folder that holds the files it lists, and no others.

    Making one raises VerificationError where the folder has other files.
    """

    manifest: Manifest
    folder: Path

    def __post_init__(self) -> None:
        listed = {file.path for file in self.manifest.files}
        found = {path.name for path in self.folder.iterdir()}
        if listed != found:
            odd = ", ".join(sorted(listed ^ found))
            raise VerificationError(f"manifest and folder differ in {odd}")


def package(measured: MeasuredGraph) -> PackagedArtifact:
    """Write golden.jsonl and the tokenizers beside the graph and describe all files."""
    verified = measured.checked.verified
    folder = verified.graph.files.folder
    (folder / GOLDEN_FILE).write_text("".join(_golden_lines(verified)), "ascii")
    tokenizers = verified.graph.loaded.source.tokenizers
    for name, content in tokenizers.items():
        (folder / name).write_bytes(content)
    names = [*verified.graph.files.names, GOLDEN_FILE, *tokenizers]
    files = tuple(_described(folder / name) for name in names)
    return PackagedArtifact(_manifest(measured, files), folder)


def _golden_lines(verified: VerifiedGraph) -> Iterator[str]:
    exact = verified.graph.loaded.tolerance.exact
    expected = verified.reference if exact else verified.probabilities
    for text, probability in zip(verified.golden, expected.tolist(), strict=True):
        values = {
            "text": text.text,
            "normalized": text.normalized,
            "ids": text.ids,
            **({"companion_ids": text.companion_ids} if text.companion_ids else {}),
            # 7 decimals: what is left of a float64 that was computed from float32 features
            "probability": round(probability, 7),
        }
        # ASCII escapes keep lone surrogates, which UTF-8 cannot hold.
        yield json.dumps(values) + "\n"


def _described(path: Path) -> ArtifactFile:
    return ArtifactFile(path=path.name, sha256=sha256_of_file(path), bytes=path.stat().st_size)


def _contract(measured: MeasuredGraph) -> Contract:
    loaded = measured.checked.verified.graph.loaded
    return Contract(
        task=loaded.recipe.task,
        labels=loaded.recipe.labels,
        input=loaded.source.input,
        outputs=loaded.source.outputs,
        decision=loaded.decision,
        quantization=loaded.recipe.quantization,
    )


def _parity(measured: MeasuredGraph) -> Parity:
    checked = measured.checked
    verified = checked.verified
    exact = verified.graph.loaded.tolerance.exact
    own = float(abs(verified.probabilities - verified.reference).max()) if exact else 0.0
    differences = {verified.runtime: own}
    if checked.max_abs_diff is not None:
        differences[checked.runtime] = own + checked.max_abs_diff
    return Parity(
        reference=verified.graph.loaded.source.reference,
        n=len(verified.golden),
        max_abs_diff={name: float(f"{value:.1e}") for name, value in differences.items()},
        batch_max_abs_diff=float(f"{verified.batch_max_abs_diff:.1e}"),
        drift=verified.drift,
    )


def _manifest(measured: MeasuredGraph, files: tuple[ArtifactFile, ...]) -> Manifest:
    graph = measured.checked.verified.graph
    loaded = graph.loaded
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
            opset=graph.opset,
            ir_version=graph.ir_version,
            min_ort=MIN_ORT_BY_SCHEME.get(loaded.recipe.quantization.scheme, MIN_ORT),
            providers=("CPUExecutionProvider",),
            browser=measured.checked.browser,
            memory_bytes=measured.memory_bytes,
        ),
        quality=loaded.quality,
        parity=_parity(measured),
        source=Source(
            kind=loaded.recipe.source.kind,
            reference=loaded.recipe.source.reference,
            licence=loaded.recipe.source.licence,
            attribution=loaded.recipe.source.attribution,
        ),
        provenance=provenance(loaded.recipe),
    )
