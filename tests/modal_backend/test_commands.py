"""`python -m runtime_server modal …` against a real (loopback) Modal, as an operator runs it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import Artifact
from tests.modal_backend.asking import ask, fallbacks, serving
from tests.modal_backend.conftest import run_modal
from tests.modal_loopback import LoopbackModal, running

VOLUME = "samegraph-artifacts"


@pytest.fixture
def modal() -> Iterator[LoopbackModal]:
    with running() as server:
        yield server


def test_publish_uploads_every_file_under_the_digest_and_a_second_time_nothing(
    modal: LoopbackModal, lexical_tiny: Artifact
) -> None:
    first = run_modal(modal.environment, "publish", "lexical-tiny")
    assert first.returncode == 0, first.stderr
    assert "MB sent" in first.stdout
    folder = modal.volume_folder(VOLUME) / lexical_tiny.manifest.digest
    names = {file.path for file in lexical_tiny.manifest.files} | {"manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert all(
        (folder / name).read_bytes() == (lexical_tiny.folder / name).read_bytes() for name in names
    )
    before = modal.count("VolumePutFiles2")
    again = run_modal(modal.environment, "publish", "lexical-tiny")
    assert "was there" in again.stdout
    assert modal.count("VolumePutFiles2") == before


def test_publish_completes_what_was_cut_off(modal: LoopbackModal, lexical_tiny: Artifact) -> None:
    run_modal(modal.environment, "publish", "lexical-tiny")
    folder = modal.volume_folder(VOLUME) / lexical_tiny.manifest.digest
    (folder / "manifest.json").unlink()
    (folder / "model.onnx").write_bytes(b"half")
    assert "no artifact is published" in run_modal(modal.environment, "status").stdout
    assert "MB sent" in run_modal(modal.environment, "publish", "lexical-tiny").stdout
    content = (folder / "model.onnx").read_bytes()
    assert content == lexical_tiny.path("model.onnx").read_bytes()


def test_deploy_sends_the_settings_and_both_packages_and_no_artifact(modal: LoopbackModal) -> None:
    changes = {
        "MODAL_GPU": "a10",
        "MODAL_MIN_CONTAINERS": "1",
        "MODAL_MAX_CONTAINERS": "7",
        "MODAL_IDLE_S": "60",
        "MODAL_TIMEOUT_S": "45",
        "MODAL_START_TIMEOUT_S": "90",
    }
    done = run_modal(modal.environment, "deploy", **changes)
    assert done.returncode == 0, done.stderr
    (function,) = modal.functions.values()
    assert function.resources.gpu_config.gpu_type == "A10"
    assert function.autoscaler_settings.min_containers == 1
    assert function.autoscaler_settings.max_containers == 7
    assert function.autoscaler_settings.scaledown_window == 60
    assert (function.timeout_secs, function.startup_timeout_secs) == (45, 90)
    assert function.retry_policy.retries == 0
    sent = {file.filename for files in modal.mounts.values() for file in files}
    assert "/root/registry/norm1_table.json" in sent
    assert "/root/runtime_server/modal_worker.py" in sent
    assert not any("artifacts" in name or name.endswith(".onnx") for name in sent)
    commands = "\n".join("\n".join(image.dockerfile_commands) for image in modal.images.values())
    assert re.search(r"onnxruntime-gpu\[cuda,cudnn\]==\d", commands)


def test_without_a_gpu_the_image_has_the_cpu_package(modal: LoopbackModal) -> None:
    assert run_modal(modal.environment, "deploy", MODAL_GPU="none").returncode == 0
    (function,) = modal.functions.values()
    assert function.resources.gpu_config.gpu_type == ""
    commands = "\n".join("\n".join(image.dockerfile_commands) for image in modal.images.values())
    assert "onnxruntime-gpu" not in commands
    assert "onnxruntime==" in commands


def test_status_tells_what_is_deployed_published_warm_and_what_it_costs(
    modal: LoopbackModal, lexical_tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = run_modal(modal.environment, "status")
    assert empty.returncode == 0, empty.stderr
    assert "not deployed" in empty.stdout
    run_modal(modal.environment, "deploy")
    run_modal(modal.environment, "publish", "lexical-tiny")
    for name, value in modal.environment.items():
        monkeypatch.setenv(name, value)
    with serving() as client:
        assert ask(client).json()["backend"] == "modal"
    found = run_modal(modal.environment, "status").stdout
    assert "app samegraph: deployed" in found
    assert lexical_tiny.manifest.reference in found
    assert lexical_tiny.manifest.digest[:12] in found
    assert "1 warm" in found
    assert "$1.05 an hour" in found


def test_remove_stops_the_app_and_deletes_the_artifacts_only_if_told_to(
    modal: LoopbackModal, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_modal(modal.environment, "deploy")
    run_modal(modal.environment, "publish", "lexical-tiny")
    assert "removed samegraph" in run_modal(modal.environment, "remove").stdout
    assert (modal.deployed, list(modal.volumes.values())) == ({}, [VOLUME])
    assert "there is no app" in run_modal(modal.environment, "remove", "--artifacts").stdout
    assert modal.volumes == {}
    for name, value in modal.environment.items():
        monkeypatch.setenv(name, value)
    with serving() as client:
        assert fallbacks(ask(client)) == [("modal", "not_deployed")]


COMMANDS = [("deploy",), ("publish", "lexical-tiny"), ("status",), ("remove",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_without_a_token_one_line_says_what_to_do(command: tuple[str, ...]) -> None:
    done = run_modal({}, *command)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "MODAL_TOKEN_ID" in done.stderr
    assert "modal token set" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_with_a_wrong_token_one_line_says_so(
    modal: LoopbackModal, command: tuple[str, ...]
) -> None:
    done = run_modal({**modal.environment, "MODAL_TOKEN_SECRET": "as-wrong"}, *command)
    assert done.returncode == 1
    assert "refuses the token" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "as-wrong" not in done.stderr


def test_the_users_own_stored_token_will_do(modal: LoopbackModal, tmp_path: Path) -> None:
    stored = tmp_path / "modal.toml"
    stored.write_text('[default]\ntoken_id = "ak-loopback"\ntoken_secret = "as-loopback"\n')
    environment = {**modal.environment, "MODAL_CONFIG_PATH": str(stored)}
    del environment["MODAL_TOKEN_ID"], environment["MODAL_TOKEN_SECRET"]
    done = run_modal(environment, "status")
    assert done.returncode == 0, done.stderr


def test_a_model_that_is_not_built_is_said_in_one_line(modal: LoopbackModal) -> None:
    done = run_modal(modal.environment, "publish", "nothing-large")
    assert done.returncode == 1
    assert "nothing-large" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
