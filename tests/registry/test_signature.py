"""Artifacts that are signed, that are not, and that were changed after."""

import json
import shutil
import stat
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from export.__main__ import app
from registry import Artifact, FileStore, SignatureError
from registry.manifest import MANIFEST_FILE
from registry.signature import (
    SIGNATURE_FILE,
    check_signature,
    new_key_pair,
    public_key_bytes,
    sign,
)
from runtime_server.catalogue import Catalogue
from runtime_server.errors import SettingsError, StartError
from runtime_server.settings import load_settings
from tests.conftest import ROOT
from tests.export.artifacts import copied
from tests.server.conftest import hash_graph, make_settings, publish_to


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return publish_to(tmp_path / "registry", hash_graph())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "signing.pem"


@pytest.fixture
def public_key(key_file: Path) -> str:
    return new_key_pair(key_file)


def test_what_was_signed_is_taken_and_what_was_changed_is_not(
    artifact: Artifact, key_file: Path, public_key: str, tmp_path: Path
) -> None:
    key = public_key_bytes(public_key)
    with pytest.raises(
        SignatureError, match=r"not signed: python -m export sign hash-tiny@1\.0\.0"
    ):
        check_signature(artifact, key)
    sign(artifact, key_file)
    check_signature(artifact, key)
    other = public_key_bytes(new_key_pair(tmp_path / "other.pem"))
    with pytest.raises(SignatureError, match="another key"):
        check_signature(artifact, other)
    manifest = artifact.folder / MANIFEST_FILE
    manifest.write_bytes(manifest.read_bytes().replace(b'"auroc": 0.5', b'"auroc": 0.9'))
    for found in (artifact, FileStore(artifact.folder.parents[1]).resolve("hash-tiny")):
        with pytest.raises(SignatureError):
            check_signature(found, key)


def test_openssl_says_the_same(artifact: Artifact, key_file: Path, public_key: str) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    sign(artifact, key_file)
    pem = key_file.with_suffix(".pub.pem")
    pem.write_bytes(
        Ed25519PublicKey.from_public_bytes(b64decode(public_key)).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    manifest, signature = (artifact.folder / name for name in (MANIFEST_FILE, SIGNATURE_FILE))
    raw = key_file.with_suffix(".sig")
    raw.write_bytes(b64decode(signature.read_bytes()))
    asked = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pem, "-rawin", "-in", manifest]
    done = subprocess.run([*asked, "-sigfile", raw], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


IN_NODE = """
import { createDetector } from PACKAGE;
const detector = await createDetector({ folder: FOLDER, publicKey: KEY, thread: 'main' }).catch(
  ({ code }) => ({ artifact: { digest: code }, dispose() {} }),
);
console.log(detector.artifact.digest);
await detector.dispose();
"""


def in_node(folder: Path, public_key: str) -> str:
    """The digest of the artifact that the TypeScript library has loaded, or the error's code."""
    package = (ROOT / "web_bundle" / "dist" / "npm" / "node.js").as_uri()
    script = IN_NODE
    for name, value in (("PACKAGE", package), ("FOLDER", str(folder)), ("KEY", public_key)):
        script = script.replace(name, json.dumps(value))
    done = subprocess.run(
        ["node", "--input-type=module"], input=script, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_browser_library_says_the_same(
    lexical_tiny: Artifact, key_file: Path, public_key: str, tmp_path: Path
) -> None:
    copy = copied(lexical_tiny, tmp_path / "registry")
    assert in_node(copy.folder, public_key) == "not_signed"
    sign(copy, key_file)
    assert in_node(copy.folder, public_key) == copy.manifest.digest
    other = new_key_pair(tmp_path / "other.pem")
    assert in_node(copy.folder, other) == "not_signed"


def test_a_private_key_is_its_owners_and_never_overwritten(key_file: Path, public_key: str) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    with pytest.raises(SignatureError, match="exists"):
        new_key_pair(key_file)


def _other_kind_of_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"no key", "not a private key"),
        (_other_kind_of_key, "not an Ed25519 key"),
        (None, "cannot be read"),
    ],
)
def test_a_key_that_cannot_sign_leaves_the_artifact_as_it_was(
    artifact: Artifact, key_file: Path, content: Callable[[], bytes] | None, said: str
) -> None:
    if content is not None:
        key_file.write_bytes(content())
    with pytest.raises(SignatureError, match=said):
        sign(artifact, key_file)
    assert sorted(path.name for path in artifact.folder.iterdir()) == [
        "manifest.json",
        "model.onnx",
    ]


def test_a_server_that_knows_the_key_serves_nothing_else(
    artifact: Artifact, key_file: Path, public_key: str, tmp_path: Path
) -> None:
    root = artifact.folder.parents[1]
    settings = make_settings(root, tmp_path, artifact_public_key=public_key)
    with pytest.raises(StartError, match=r"ARTIFACT_PUBLIC_KEY: hash-tiny@1\.0\.0 is not signed"):
        Catalogue.load(settings)
    arguments = ["sign", "--all", "--key", str(key_file), "--root", str(root)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    entry = Catalogue.load(settings).default
    assert (
        entry.file(SIGNATURE_FILE).path.read_bytes()
        == (artifact.folder / SIGNATURE_FILE).read_bytes()
    )
    publish_to(root, hash_graph(seed=1), version="1.1.0")
    with pytest.raises(StartError, match=r"1\.1\.0 is not signed"):
        Catalogue.load(settings)


@pytest.mark.parametrize("text", ["", "short", "A" * 44, "Zm9v"])
def test_a_public_key_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(SignatureError, match="32 bytes in base64"):
        public_key_bytes(text)
    if text:
        monkeypatch.setenv("ARTIFACT_PUBLIC_KEY", text)
        with pytest.raises(SettingsError, match="ARTIFACT_PUBLIC_KEY"):
            load_settings()


def test_keygen_prints_the_public_key_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["keygen", str(tmp_path / "key.pem")])
    assert (result.exit_code, len(public_key_bytes(result.stdout))) == (0, 32)
