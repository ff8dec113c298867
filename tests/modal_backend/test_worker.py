"""What a container does before it takes a text, and what it says of one that it cannot judge."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from registry import Artifact
from runtime_server.engine import Availability, Scores
from runtime_server.errors import EngineError
from runtime_server.graph_session import EXTERNAL_DATA_FILE
from runtime_server.modal_answer import ModalAnswer
from runtime_server.modal_worker import ModalWorker
from tests.conftest import ROOT
from tests.hostile.test_graphs import SECRET, reading
from tests.modal_backend.conftest import built
from tests.server.conftest import publish_to


def load(folder: Path, artifact: Artifact, **changes: object) -> ModalWorker:
    manifest = artifact.manifest
    given = {"model_id": manifest.model_id, "digest": manifest.digest, **changes}

    async def loaded() -> ModalWorker:
        worker = await ModalWorker.load(folder, **given)
        await worker.close()
        return worker

    return asyncio.run(loaded())


@pytest.fixture
def copy(lexical_tiny: Artifact, tmp_path: Path) -> Path:
    folder = tmp_path / lexical_tiny.manifest.digest
    shutil.copytree(lexical_tiny.folder, folder)
    return folder


def flip_the_last_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: flip_the_last_bit(folder / "model.onnx"), "digest_mismatch"),
        (lambda folder: flip_the_last_bit(folder / "golden.jsonl"), "digest_mismatch"),
        (lambda folder: (folder / "model.onnx").unlink(), "artifact_missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "not_published"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "digest_mismatch"),
    ],
    ids=["graph", "another file", "no graph", "no manifest", "no manifest at all"],
)
def test_a_container_does_not_come_up_with_other_bytes_than_the_manifests(
    copy: Path, lexical_tiny: Artifact, damage: Callable[[Path], object], reason: str
) -> None:
    load(copy, lexical_tiny)
    damage(copy)
    with pytest.raises(EngineError) as raised:
        load(copy, lexical_tiny)
    assert raised.value.reason == reason


def test_weights_beside_the_graph_are_verified_too(tmp_path: Path) -> None:
    weights = {EXTERNAL_DATA_FILE: SECRET}
    artifact = publish_to(tmp_path, reading(EXTERNAL_DATA_FILE), others=weights)
    load(artifact.folder, artifact)
    flip_the_last_bit(artifact.path(EXTERNAL_DATA_FILE))
    with pytest.raises(EngineError, match="digest_mismatch"):
        load(artifact.folder, artifact)


def test_a_manifest_with_another_threshold_is_another_artifact(
    copy: Path, lexical_tiny: Artifact
) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["decision"]["threshold"] = 0.123
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EngineError, match="digest_mismatch"):
        load(copy, lexical_tiny)


def test_the_folder_of_a_digest_holds_that_digest(copy: Path, lexical_tiny: Artifact) -> None:
    with pytest.raises(EngineError, match="digest_mismatch"):
        load(copy, lexical_tiny, digest="0" * 64)
    with pytest.raises(EngineError, match="digest_mismatch"):
        load(copy, lexical_tiny, model_id="another")


def test_where_there_is_a_gpu_cuda_has_to_run_a_graph_that_reads_tokens(
    copy: Path, lexical_tiny: Artifact, tmp_path: Path
) -> None:
    driver = tmp_path / "version"
    driver.write_text("NVRM version: 580.95.05")
    # Strings have no CUDA kernels.
    load(copy, lexical_tiny, driver=driver)
    tokens = built("minilm-small")
    load(tokens.folder, tokens, driver=tmp_path / "no driver")
    with pytest.raises(EngineError, match="cuda_failed"):
        load(tokens.folder, tokens, driver=driver)


class Failing:
    """An Engine that fails on every text."""

    def __init__(self, error: EngineError) -> None:
        self.error = error

    def available(self, artifact: Artifact) -> Availability:
        return Availability()

    async def predict(self, artifact: Artifact, texts: Sequence[str]) -> Scores:
        raise self.error

    async def close(self) -> None:
        pass


def test_the_failure_of_an_input_is_a_value_and_any_other_is_raised(
    lexical_tiny: Artifact,
) -> None:
    at_fault = EngineError("tokenize_failed", "tokenizer.json failed on the batch", counts=False)
    value = asyncio.run(ModalWorker(lexical_tiny, Failing(at_fault)).predict(["x"]))
    with pytest.raises(EngineError) as raised:
        ModalAnswer.read(value, 1)
    assert (raised.value.reason, raised.value.counts) == ("tokenize_failed", False)
    broken = EngineError("load_failed", "onnxruntime refused the graph")
    with pytest.raises(EngineError, match="load_failed"):
        asyncio.run(ModalWorker(lexical_tiny, Failing(broken)).predict(["x"]))


def test_the_packages_of_the_image_are_those_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime_server.modal_app import ORT_CPU, PACKAGES

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *extras["server"], *extras["tokens"], *extras["cpu"]]
    listed += extras["signing"]
    known = {Requirement(line).name: str(Requirement(line).specifier) for line in listed}
    for line in (*PACKAGES, ORT_CPU):
        assert known[Requirement(line).name] == str(Requirement(line).specifier), line


# What a container imports of this project; modal itself brings its own.
IMPORTED = """
import importlib.metadata, json, sys
before = set(sys.modules)
import tokenizers
import runtime_server.modal_plan, runtime_server.modal_worker, runtime_server.settings
known = importlib.metadata.packages_distributions()
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted({package for name in names for package in known.get(name, ())})))
"""


def test_a_container_imports_nothing_that_its_image_lacks() -> None:
    from runtime_server.modal_app import ORT_CPU, PACKAGES

    command = (sys.executable, "-c", IMPORTED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    imported = {canonicalize_name(name) for name in json.loads(done.stdout)}
    assert imported - needed(*PACKAGES, ORT_CPU) <= {"samegraph"}


def needed(*lines: str) -> set[str]:
    """The packages of these requirements, with all that they require."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        with suppress(PackageNotFoundError):
            waiting.extend(map(Requirement, requires(one.name) or ()))
    return found
