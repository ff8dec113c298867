"""Who published an artifact: an Ed25519 signature (RFC 8032) over the bytes of its manifest.json.

The manifest names the sha256 of every file, so that one signature covers all of them. It is kept as
a line of base64. OpenSSL says the same: `openssl pkeyutl -verify -pubin -inkey KEY.pub.pem -rawin
-in manifest.json -sigfile <(base64 -d manifest.json.sig)`.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from registry.errors import SignatureError
from registry.manifest import MANIFEST_FILE
from registry.store import Artifact
from registry.whole_file import write_whole

SIGNATURE_FILE: Final = f"{MANIFEST_FILE}.sig"
_KEY_BYTES: Final = 32
_NEEDS: Final = "signatures need the package cryptography: pip install 'samegraph[signing]'"


def public_key_bytes(text: str) -> bytes:
    """The 32 bytes of a public key in base64, as `new_key_pair` gives it. Raises SignatureError."""
    content = _decoded(text.encode())
    if len(content) != _KEY_BYTES:
        raise SignatureError("a public key is 32 bytes in base64, as `export keygen` prints it")
    return content


def check_signature(artifact: Artifact, public_key: bytes) -> None:
    """Raises SignatureError: the manifest has no signature, or none by this key."""
    reference = artifact.manifest.reference
    try:
        signature = _decoded((artifact.folder / SIGNATURE_FILE).read_bytes())
    except OSError:
        raise SignatureError(
            f"{reference} is not signed: python -m export sign {reference} --key FILE"
        ) from None
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise SignatureError(_NEEDS) from None
    content = (artifact.folder / MANIFEST_FILE).read_bytes()
    # What was parsed is what is verified.
    if content != artifact.manifest.to_bytes():
        raise SignatureError(f"{reference}: manifest.json is not in its canonical form")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except InvalidSignature:
        raise SignatureError(f"{reference} is signed by another key, or was changed") from None


def new_key_pair(path: Path) -> str:
    """Write a private key (PKCS 8, PEM) that only its owner can read; the public one in base64.

    Raises:
        SignatureError: the file exists, or cannot be written.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise SignatureError(_NEEDS) from None
    from cryptography.hazmat.primitives import serialization

    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SignatureError(f"{path} exists, and may be a key: name another file") from None
    except OSError as exc:
        raise SignatureError(f"{path} cannot be written: {exc.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def sign(artifact: Artifact, key_file: Path) -> None:
    """Put a signature beside the manifest. Raises SignatureError: the key cannot be used."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise SignatureError(_NEEDS) from None
    try:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except OSError as exc:
        raise SignatureError(f"{key_file} cannot be read: {exc.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignatureError(f"{key_file} is not a private key in PEM, without password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{key_file} is not an Ed25519 key: python -m export keygen FILE")
    signature = key.sign(artifact.manifest.to_bytes())
    write_whole(artifact.folder / SIGNATURE_FILE, base64.b64encode(signature) + b"\n")


def _decoded(content: bytes) -> bytes:
    """Nothing where it is not base64."""
    try:
        return base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        return b""
