"""An artifact against its own golden vectors: prepared, run alone, in batches, in WebAssembly."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from export.errors import VerificationError, WasmLoadError
from export.graph_files import graph_bytes
from export.inference import Float64s, PreparedText, TextPreparation
from export.passes.verify import GraphRun
from export.published.checks import Check, compare
from export.published.golden import GoldenVector, read_golden
from export.tolerances import Tolerance, tolerance_for
from export.verification_texts import VerificationTexts
from export.wasm import wasm_probabilities
from export.web_runtime import onnxruntime_web_version
from registry import Artifact
from registry.manifest import Manifest


@dataclass(frozen=True)
class GoldenRun:
    """The golden texts of an artifact, prepared again and run alone in onnxruntime."""

    artifact: Artifact
    run: GraphRun
    preparation: TextPreparation
    vectors: tuple[GoldenVector, ...]
    prepared: tuple[PreparedText, ...]
    alone: Float64s

    @classmethod
    def of(cls, artifact: Artifact, run: GraphRun) -> Self:
        """Raises VerificationError where the graph is not the manifest's."""
        preparation = TextPreparation.of_artifact(artifact)
        vectors = read_golden(artifact)
        prepared = tuple(preparation.prepare(vector.text) for vector in vectors)
        _require_signature(artifact.manifest, run, preparation, prepared)
        alone = preparation.probabilities(run, prepared, batch=1)
        return cls(artifact, run, preparation, vectors, prepared, alone)

    @property
    def tolerance(self) -> Tolerance:
        """Of the artifact's scheme."""
        return tolerance_of(self.artifact.manifest)

    @property
    def expected(self) -> Float64s:
        """The golden probabilities, float64[N]."""
        return np.array([vector.probability for vector in self.vectors])

    def check_preparation(self) -> Check:
        """Normal forms and token ids are the golden ones."""
        for place, (vector, text) in enumerate(zip(self.vectors, self.prepared, strict=True)):
            found = (text.normalized, text.ids, text.companion_ids)
            if found != (vector.normalized, vector.ids, vector.companion_ids):
                detail = f"text {place} ({vector.text[:40]!r}) has another normal form or other ids"
                return Check(name="preparation", passed=False, detail=detail)
        return Check(name="preparation", passed=True)

    def check_native(self) -> Check:
        """Onnxruntime gives the golden probabilities."""
        return compare(
            "onnxruntime",
            self.alone,
            self.expected,
            self.prepared,
            # Where a scheme is exact the golden probabilities are the source's, else a runtime's.
            allowed=self._from_source or self.tolerance.runtime,
            recorded=self._recorded("onnxruntime"),
        )

    def check_batch(self) -> Check:
        """A text in a batch of mixed lengths has the probability that it has alone."""
        manifest = self.artifact.manifest
        batch = VerificationTexts.of(manifest.source.kind, graph_bytes(manifest)).batch
        return compare(
            "batch of mixed lengths",
            self.preparation.probabilities(self.run, self.prepared, batch),
            self.alone,
            self.prepared,
            allowed=self.tolerance.batch,
            recorded=manifest.parity.batch_max_abs_diff,
        )

    def check_wasm(self) -> Check:
        """onnxruntime-web gives the golden probabilities, if the manifest says that it can."""
        name, browser = "onnxruntime-web", self.artifact.manifest.runtime.browser
        if not browser.supported:
            return Check(name=name, passed=None, detail="; ".join(browser.reasons))
        if onnxruntime_web_version() is None:
            return Check(
                name=name, passed=None, detail="Node.js or web_bundle/node_modules is missing"
            )
        model = self.artifact.path(self.artifact.manifest.model.path)
        try:
            probabilities = wasm_probabilities(model, self.preparation, self.prepared)
        except WasmLoadError as exc:
            return Check(name=name, passed=False, detail=str(exc))
        return compare(
            name,
            probabilities,
            self.expected,
            self.prepared,
            allowed=self._from_source + self.tolerance.runtime,
            recorded=self._recorded(name),
        )

    @property
    def _from_source(self) -> float:
        return self.tolerance.source_max if self.tolerance.exact else 0.0

    def _recorded(self, runtime: str) -> float | None:
        differences = self.artifact.manifest.parity.max_abs_diff
        return next((v for k, v in differences.items() if k.split()[0] == runtime), None)


def tolerance_of(manifest: Manifest) -> Tolerance:
    """What the artifact's scheme allows."""
    return tolerance_for(manifest.quantization, text_in=manifest.input.kind == "text")


def _require_signature(
    manifest: Manifest,
    run: GraphRun,
    preparation: TextPreparation,
    prepared: tuple[PreparedText, ...],
) -> None:
    windows = prepared[0].windows[:1]
    fed = set(preparation.token_feeds(windows)) if windows else {"text"}
    declared = {output.name for output in manifest.outputs}
    inputs, outputs = map(set, run.signature)
    if inputs != fed or not declared <= outputs:
        raise VerificationError(
            f"the graph reads {sorted(inputs)} and gives {sorted(outputs)}; by the manifest it "
            f"reads {sorted(fed)} and gives {sorted(declared)}"
        )
