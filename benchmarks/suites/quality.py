"""Size against quality against latency, for each model; drift for each quantization scheme."""

from collections.abc import Iterator

from benchmarks.measurement import Better, Finding, Measurement
from benchmarks.suites import Context


def run(context: Context) -> Iterator[Finding]:
    """What the manifests say of each artifact: measured by the build, on the artifact itself."""
    for artifact in context.artifacts:
        manifest = artifact.manifest
        yield Measurement(
            subject=manifest.model_id,
            quantity="size",
            unit="MB",
            values=(manifest.size_bytes / 1e6,),
            better=Better.LOWER,
        )
