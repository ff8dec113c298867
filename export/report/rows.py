"""What the report says of one artifact: its manifest's evidence, its build, its speed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from export.jobs.record import BuildRecord, PassCost, read_record
from export.report.latency import Latency, read_latency
from export.tolerances import tolerance_for
from registry import Artifact, FileStore
from registry.manifest import (
    BrowserSupport,
    Drift,
    Frozen,
    Manifest,
    Quality,
    Quantization,
    SizeCategory,
    Source,
)


class BuildCost(Frozen):
    """What the last build took, and what it might have held."""

    seconds: float
    peak_rss_bytes: int
    memory_bound_bytes: int
    is_over_bound: bool
    passes: tuple[PassCost, ...]
    parameters: int
    machine: str

    @classmethod
    def of(cls, record: BuildRecord) -> Self:
        """Of a build's record."""
        return cls(
            seconds=round(record.seconds, 1),
            peak_rss_bytes=record.peak_rss_bytes,
            memory_bound_bytes=record.memory_bound_bytes,
            is_over_bound=record.is_over_bound,
            passes=record.passes,
            parameters=record.parameters,
            machine=record.machine,
        )


class ReportRow(Frozen):
    """An artifact. What was not measured is null; `allowed_p99` is its scheme's bound of drift."""

    model_id: str
    version: str
    digest: str
    source: Source
    quantization: Quantization
    size_bytes: int
    size_category: SizeCategory
    memory_bytes: int
    browser: BrowserSupport
    parity_reference: str
    max_abs_diff: Mapping[str, float]
    batch_max_abs_diff: float | None
    drift: Drift | None
    allowed_p99: float | None
    quality: Quality | None
    build: BuildCost | None
    latency: Latency | None

    @property
    def anchor(self) -> str:
        """Its name on the page."""
        return f"{self.model_id}@{self.version}"

    @classmethod
    def of(cls, artifact: Artifact, root: Path) -> Self:
        """What is known of an artifact of the store in `root`."""
        manifest = artifact.manifest
        record = read_record(root, manifest)
        return cls(
            model_id=manifest.model_id,
            version=manifest.version,
            digest=manifest.digest,
            source=manifest.source,
            quantization=manifest.quantization,
            size_bytes=manifest.size_bytes,
            size_category=manifest.size_category,
            memory_bytes=manifest.runtime.memory_bytes,
            browser=manifest.runtime.browser,
            parity_reference=manifest.parity.reference,
            max_abs_diff=manifest.parity.max_abs_diff,
            batch_max_abs_diff=manifest.parity.batch_max_abs_diff,
            drift=manifest.parity.drift,
            allowed_p99=_allowed_p99(manifest),
            quality=manifest.quality,
            build=BuildCost.of(record) if record else None,
            latency=read_latency(root, manifest),
        )


def report_rows(store: FileStore) -> tuple[ReportRow, ...]:
    """One for each artifact, by size. Raises ManifestError."""
    rows = (ReportRow.of(artifact, store.root) for artifact in store.artifacts())
    return tuple(sorted(rows, key=lambda row: (row.size_bytes, row.model_id, row.version)))


def _allowed_p99(manifest: Manifest) -> float | None:
    try:
        tolerance = tolerance_for(manifest.quantization, text_in=manifest.input.kind == "text")
    except KeyError:
        return None
    return tolerance.source_p99
