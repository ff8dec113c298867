"""A deployment with a public key: containers run nothing that the key has not signed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import Artifact, FileStore
from registry.signature import SIGNATURE_FILE, new_key_pair, sign
from tests.modal_backend.asking import ask, fallbacks, serving
from tests.modal_backend.conftest import run_modal
from tests.modal_loopback import LoopbackModal, running

VOLUME = "samegraph-artifacts"


@pytest.fixture
def modal(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackModal]:
    with running() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def copy(lexical_tiny: Artifact, tmp_path: Path) -> Artifact:
    """In a store of its own, unsigned."""
    root, manifest = tmp_path / "artifacts", lexical_tiny.manifest
    shutil.copytree(lexical_tiny.folder, root / manifest.model_id / manifest.version)
    return FileStore(root).resolve("lexical-tiny")


def test_containers_ask_for_the_signature_of_the_deployments_key(
    modal: LoopbackModal, copy: Artifact, tmp_path: Path
) -> None:
    key_file, root = tmp_path / "key.pem", copy.folder.parent.parent
    settings = {"REGISTRY_ROOT": str(root), "ARTIFACT_PUBLIC_KEY": new_key_pair(key_file)}
    assert run_modal(modal.environment, "deploy", **settings).returncode == 0
    refused = run_modal(modal.environment, "publish", "lexical-tiny", **settings)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "lexical-tiny@" in refused.stderr
    assert "is not signed: python -m export sign" in refused.stderr
    # By an operator who knows of no key, unsigned as it is.
    unaware = {"REGISTRY_ROOT": str(root)}
    assert run_modal(modal.environment, "publish", "lexical-tiny", **unaware).returncode == 0
    with serving(registry_root=root) as client:
        answer = ask(client)
        assert answer.json()["backend"] == "local"
        assert fallbacks(answer) == [("modal", "not_signed")]
    other = tmp_path / "other.pem"
    new_key_pair(other)
    sign(copy, other)
    assert run_modal(modal.environment, "publish", "lexical-tiny", **unaware).returncode == 0
    with serving(registry_root=root) as client:
        assert fallbacks(ask(client)) == [("modal", "not_signed")]
    sign(copy, key_file)
    done = run_modal(modal.environment, "publish", "lexical-tiny", **settings)
    assert "was there" in done.stdout
    published = modal.volume_folder(VOLUME) / copy.manifest.digest / SIGNATURE_FILE
    assert published.read_bytes() == (copy.folder / SIGNATURE_FILE).read_bytes()
    with serving(registry_root=root) as client:
        answer = ask(client)
        assert (answer.json()["backend"], fallbacks(answer)) == ("modal", [])
