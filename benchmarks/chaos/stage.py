"""Where the faults happen: the topology, three models on a small disk, a Modal that is a void."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.black_hole import black_hole
from benchmarks.serving.traffic import Stream
from benchmarks.topology import Topology
from registry import Artifact, FileStore
from registry.manifest import Decision, artifact_digest

TEXT: Final = "It is important to note that effective communication fosters growth."
DEFAULT: Final = "lexical-tiny"
# The same graph with other thresholds: other artifacts.
OTHERS: Final = ("lexical-other", "lexical-third")
# For each worker: two of the three models.
BUDGET_GB: Final = 0.035
DISK_BYTES: Final = 16_000_000
PATIENCE_S: Final = 30.0


class ChaosError(Exception):
    """Something did not come back, or was worse than lost requests."""


@dataclass(frozen=True)
class Stage:
    """What faults strike at. `disk` is the registry's own; None where it has none."""

    topology: Topology
    store: FileStore
    folder: Path
    disk: Path | None

    def stream(self, name: str, per_s: float, **body: object) -> Stream:
        """Predictions, one at a random moment after the other."""
        text = httpx.Request("POST", "http://a", json={"text": TEXT, **body}).content.decode()
        return Stream(name=name, url=f"{self.topology.url}/predict", bodies=(text,), per_s=per_s)

    def counted(self, name: str, **labels: str) -> float:
        """What the replicas have counted so far, in all series that have these labels."""
        texts = (httpx.get(f"{url}/metrics").text for url in self.topology.replica_urls)
        families = (family for text in texts for family in text_string_to_metric_families(text))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def await_counted(self, otherwise: str, name: str, **labels: str) -> None:
        """Return once a replica has counted such a thing. Raises ChaosError."""
        _until(lambda: self.counted(name, **labels) > 0, otherwise)

    def await_all_well(self) -> None:
        """Return once each replica answers with each model. Raises ChaosError."""
        for url in self.topology.replica_urls:
            for model in (DEFAULT, *OTHERS):
                body = {"text": TEXT, "model_id": model}
                _until(lambda u=url, b=body: _answers(u, b), f"{model} did not come back at {url}")  # type: ignore[misc]


@contextmanager
def stage(model: Artifact, workers: int) -> Iterator[Stage]:
    """A topology that is ready, with so many workers in a replica, and three models made of one."""
    with tempfile.TemporaryDirectory() as name, black_hole() as void:
        folder = Path(name)
        (folder / "page").mkdir()
        (folder / "topology").mkdir()
        with _small_disk(folder / "registry") as disk:
            store = FileStore(folder / "registry")
            store.publish(model.manifest, model.folder)
            for number, other in enumerate(OTHERS):
                publish_as(store, model, other, 0.5 + number / 10)
            api = {
                "REGISTRY_ROOT": str(store.root),
                "DEFAULT_MODEL": DEFAULT,
                "VPS_CPU_MEMORY_GB": str(BUDGET_GB * workers),
                "MODAL_SERVER_URL": void,
                "MODAL_TOKEN_ID": "ak-chaos",
                "MODAL_TOKEN_SECRET": "as-chaos",
                "MODAL_USD_PER_HOUR": "1",
                "ATTEMPT_TIMEOUT_MS": "1500",
                "BREAKER_OPEN_S": "1",
                # Counted in Redis, and never reached.
                "RATE_LIMIT": "1000000/minute",
                "SHUTDOWN_DRAIN_S": "1",
            }
            places = (folder / "topology", folder / "page")
            with Topology(*places, workers=workers, api=api) as topology:
                yield Stage(topology, store, folder, disk)


def publish_as(store: FileStore, model: Artifact, name: str, threshold: float) -> None:
    """The same files with another threshold, as another model. Raises OSError."""
    decision = Decision.model_validate({**dict(model.manifest.decision), "threshold": threshold})
    changed = model.manifest.model_copy(update={"model_id": name, "decision": decision})
    digest = artifact_digest(changed.files, changed)
    store.publish(changed.model_copy(update={"digest": digest}), model.folder)


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of its own in memory, where this process may mount one; else a folder, and None."""
    folder.mkdir()
    size = f"size={DISK_BYTES}"
    command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    allowed = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = allowed and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def _answers(url: str, body: dict[str, str]) -> bool:
    try:
        return httpx.post(f"{url}/predict", json=body, timeout=PATIENCE_S).status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise ChaosError(otherwise)
        time.sleep(0.1)
