"""One server and more and more models: what each takes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scipy import stats

from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.serving.usage import usage
from benchmarks.suites.scale.fit import exponent_of, growth
from benchmarks.suites.scale.sizes import serving
from benchmarks.suites.tiers.allowance import Allowance
from registry import Artifact, FileStore, Manifest
from registry.manifest import artifact_digest

COUNTS: Final = (1, 2, 4, 8, 16)
# Whatever the time: what an exponent needs.
LEAST: Final = 4
TOLD: Final = "copies under other names, each with weights of its own, each asked once"


def models(artifact: Artifact, most: int, allowance: Allowance) -> Iterator[Finding]:
    """Resident memory of a server with so many models loaded."""
    subject, memory = artifact.manifest.model_id, {}
    with tempfile.TemporaryDirectory() as name:
        copies = copied(artifact, FileStore(Path(name)), most)
        with serving(copies[0], AVAILABLE_MODELS="*") as server:
            for number, copy in enumerate(copies, 1):
                if allowance.left_s == 0 and number > LEAST:
                    yield Missing(subject=subject, why=f"{number} models: the time is over")
                    break
                asked = {"text": "a text", "model_id": copy.manifest.model_id}
                server.milliseconds("/predict", {**asked, "prefer_backend": "local"})
                if number in COUNTS:
                    memory[number] = usage(server.pid).resident / 1e6
                    yield Measurement(
                        subject=subject,
                        quantity="memory of a server by models",
                        unit="MB",
                        values=(memory[number],),
                        at={"models": number},
                        told=TOLD,
                    )
    yield from _per_model(subject, memory)


def copied(artifact: Artifact, store: FileStore, count: int) -> list[Artifact]:
    """Copies with names and digests of their own."""
    return [
        store.publish(_renamed(artifact.manifest, number), artifact.folder)
        for number in range(count)
    ]


def _renamed(manifest: Manifest, number: int) -> Manifest:
    # Another threshold is another artifact: one digest would be loaded once.
    threshold = manifest.decision.threshold * (1 - number * 1e-6)
    decision = manifest.decision.model_copy(update={"threshold": threshold})
    named = {"model_id": f"copy-{number}", "decision": decision}
    changed = manifest.model_copy(update=named)
    return changed.model_copy(update={"digest": artifact_digest(changed.files, changed)})


def _per_model(subject: str, memory: dict[int, float]) -> Iterator[Finding]:
    fitted = growth(list(memory), list(memory.values()))
    if fitted is None:
        return
    yield exponent_of("memory against models", subject, fitted)
    line = stats.linregress(list(memory), list(memory.values()))
    yield Measurement(
        subject=subject,
        quantity="memory of one more model",
        unit="MB",
        values=(float(line.slope),),
        told=f"slope of a line, standard error {line.stderr:.2g} MB; {TOLD}",
    )
