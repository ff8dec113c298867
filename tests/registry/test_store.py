import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from registry import (
    AlreadyPublishedError,
    DigestMismatchError,
    FileStore,
    Manifest,
    ManifestError,
    NotFoundError,
)
from registry.__main__ import app, main
from tests.registry.conftest import FILES, manifest_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "artifacts")


def publish(store: FileStore, source: Path, *versions: str) -> None:
    for version in versions:
        store.publish(manifest_of(FILES, version=version), source)


def leftovers(store: FileStore) -> list[str]:
    return [path.name for path in store.root.iterdir() if path.name.startswith(".")]


def test_what_is_published_is_found_intact(
    store: FileStore, manifest: Manifest, source: Path
) -> None:
    store.publish(manifest, source)
    artifact = store.resolve("demo")
    artifact.verify()
    assert artifact.manifest == manifest
    assert artifact.path("model.onnx").read_bytes() == FILES["model.onnx"]


def test_latest_goes_by_version_order_not_by_letters(store: FileStore, source: Path) -> None:
    publish(store, source, "1.9.0", "1.10.0", "1.10.0rc1")
    assert store.resolve("demo").manifest.version == "1.10.0"
    assert store.resolve("demo@latest").manifest.version == "1.10.0"
    assert [a.manifest.version for a in store.artifacts()] == ["1.9.0", "1.10.0rc1", "1.10.0"]


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_an_artifact_is_found_by_version_and_by_digest(
    store: FileStore, source: Path, prefix: str
) -> None:
    publish(store, source, "1.0.0", "2.0.0")
    assert store.resolve("demo@1.0.0").manifest.version == "1.0.0"
    digest = store.resolve("demo@1.0.0").manifest.digest
    assert store.resolve(prefix + digest).manifest.digest == digest


@pytest.mark.parametrize("reference", ["x", "demo@3", "../demo", "demo/1.0.0", "", "@", "0" * 64])
def test_what_is_not_there_is_not_found(store: FileStore, source: Path, reference: str) -> None:
    publish(store, source, "1.0.0")
    with pytest.raises(NotFoundError):
        store.resolve(reference)


def test_a_flipped_byte_names_the_file(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    artifact = store.resolve("demo")
    artifact.path("model.onnx").write_bytes(b"grapi")
    with pytest.raises(DigestMismatchError, match=r"model\.onnx has sha256"):
        artifact.verify()


def test_a_shorter_file_names_the_file(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    artifact = store.resolve("demo")
    artifact.path("model.onnx").write_bytes(b"g")
    with pytest.raises(DigestMismatchError, match=r"model\.onnx has 1 bytes, not 5"):
        artifact.verify()


def test_a_missing_file_names_the_file(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    artifact = store.resolve("demo")
    artifact.path("golden.jsonl").unlink()
    with pytest.raises(NotFoundError, match=r"golden\.jsonl is missing"):
        artifact.verify()


def test_a_link_in_place_of_a_file_is_refused(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    path = store.resolve("demo").path("model.onnx")
    path.unlink()
    path.symlink_to(source / "model.onnx")
    with pytest.raises(NotFoundError, match="not a plain file"):
        store.resolve("demo").verify()


def test_wrong_content_is_not_published(store: FileStore, manifest: Manifest, source: Path) -> None:
    (source / "model.onnx").write_bytes(b"other")
    with pytest.raises(DigestMismatchError, match=r"model\.onnx"):
        store.publish(manifest, source)
    assert store.artifacts() == ()
    assert leftovers(store) == []


def test_a_link_is_not_published(store: FileStore, manifest: Manifest, source: Path) -> None:
    (source / "model.onnx").rename(source / "elsewhere")
    (source / "model.onnx").symlink_to(source / "elsewhere")
    with pytest.raises(NotFoundError, match="not a plain file"):
        store.publish(manifest, source)


def test_a_version_is_not_overwritten_by_accident(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    (source / "model.onnx").write_bytes(b"better")
    better = manifest_of({**FILES, "model.onnx": b"better"})
    with pytest.raises(AlreadyPublishedError, match=r"demo@1\.0\.0"):
        store.publish(better, source)
    store.publish(better, source, replace=True)
    assert store.resolve("demo").manifest == better
    assert leftovers(store) == []


def test_publishing_the_same_again_is_no_error(
    store: FileStore, manifest: Manifest, source: Path
) -> None:
    store.publish(manifest, source)
    store.publish(manifest, source)
    assert len(store.artifacts()) == 1


def test_a_damaged_manifest_names_the_file_and_the_field(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    path = store.root / "demo" / "1.0.0" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "size_bytes": "many"}))
    with pytest.raises(ManifestError, match=r"manifest\.json .*size_bytes"):
        store.resolve("demo")


def test_a_manifest_in_another_models_folder_is_refused(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    (store.root / "demo").rename(store.root / "other")
    with pytest.raises(ManifestError, match=r"is the manifest of demo@1\.0\.0"):
        store.resolve("other")


def test_remove_takes_one_version_and_asks_for_it(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0", "2.0.0")
    with pytest.raises(NotFoundError, match="name one version"):
        store.remove("demo")
    store.remove("demo@1.0.0")
    assert [a.manifest.version for a in store.artifacts()] == ["2.0.0"]
    store.remove("demo@2.0.0")
    assert store.model_ids() == ()


def run(store: FileStore, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--root", str(store.root)])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_line_speaks_json(store: FileStore, source: Path) -> None:
    publish(store, source, "1.0.0")
    assert json.loads(run(store, "list", "--json"))[0]["model_id"] == "demo"
    assert json.loads(run(store, "show", "demo", "--json"))["version"] == "1.0.0"
    assert json.loads(run(store, "verify", "--json")) == ["demo@1.0.0"]
    assert json.loads(run(store, "remove", "demo@1.0.0", "--json")) == {"removed": "demo@1.0.0"}


def test_what_another_store_holds_is_published_once(
    store: FileStore, source: Path, tmp_path: Path
) -> None:
    publish(store, source, "1.0.0", "2.0.0")
    other = FileStore(tmp_path / "other")
    publish(other, source, "1.0.0")
    told = [json.loads(run(other, "publish", str(store.root), "--json")) for _ in range(2)]
    assert told == [{"published": ["demo@2.0.0"]}, {"published": []}]
    assert "has all of" in run(other, "publish", str(store.root))
    assert [a.manifest.version for a in other.artifacts()] == ["1.0.0", "2.0.0"]


def test_what_is_damaged_is_published_anew_and_never_copied(
    store: FileStore, source: Path, tmp_path: Path
) -> None:
    publish(store, source, "1.0.0")
    other = FileStore(tmp_path / "other")
    publish(other, source, "1.0.0")
    other.resolve("demo").path("model.onnx").write_bytes(b"damaged")
    assert "published demo@1.0.0" in run(other, "publish", str(store.root))
    other.resolve("demo").verify()
    store.resolve("demo").path("model.onnx").write_bytes(b"damaged")
    other.remove("demo@1.0.0")
    with pytest.raises(DigestMismatchError):
        CliRunner().invoke(
            app,
            ["publish", str(store.root), "--root", str(other.root)],
            catch_exceptions=False,
        )
    assert other.artifacts() == ()


def test_a_full_disk_is_said_and_leaves_what_was_there(
    store: FileStore, source: Path, tmp_path: Path
) -> None:
    publish(store, source, "1.0.0")
    elsewhere = tmp_path / "elsewhere"
    FileStore(elsewhere).publish(manifest_of(FILES, version="2.0.0"), source)
    most = min(len(content) for content in FILES.values())
    done = subprocess.run(
        (sys.executable, "-m", "registry", "publish", elsewhere, "--root", store.root),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most - 1, most - 1)),
    )
    assert done.returncode == 1
    assert "has no room for demo@2.0.0" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [a.manifest.version for a in store.artifacts()] == ["1.0.0"]
    assert leftovers(store) == []


def test_the_command_line_speaks_to_people(store: FileStore, source: Path) -> None:
    assert "make export" in run(store, "list")
    publish(store, source, "1.0.0")
    assert "demo" in run(store, "list")
    assert "decision.threshold" in run(store, "show", "demo")
    assert "ok demo@1.0.0" in run(store, "verify", "demo")


def test_an_error_is_one_line_and_a_status(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["registry", "show", "nothing", "--root", str(store.root)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
