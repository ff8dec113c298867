"""`python -m export keygen` and `sign`."""

from pathlib import Path
from typing import Annotated

import typer

from export.commands.options import (
    EveryOne,
    References,
    Root,
    chosen_artifacts,
    console,
    errors,
    short,
)
from registry import FileStore
from registry.signature import new_key_pair
from registry.signature import sign as sign_artifact
from registry.store import DEFAULT_ROOT

NewFile = Annotated[Path, typer.Argument(help="File for the private key; must not exist.")]
KeyFile = Annotated[
    Path, typer.Option("--key", envvar="SIGNING_KEY", help="The private key, by `keygen`.")
]


def keygen(file: NewFile) -> None:
    """Make a key for signing artifacts; prints the public one, for ARTIFACT_PUBLIC_KEY."""
    public_key = new_key_pair(file)
    console.print(public_key, highlight=False)
    errors.print(f"the private key is in {short(file)}: keep it where no server can read it")


def sign(
    key: KeyFile,
    references: References = None,
    every: EveryOne = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Sign published artifacts: an Ed25519 signature beside each manifest.

    A server or a page that is given the public key takes no artifact without it. Building an
    artifact anew removes its signature.
    """
    for artifact in chosen_artifacts(FileStore(root), references, every=every):
        sign_artifact(artifact, key)
        console.print(f"signed {artifact.manifest.reference}", highlight=False)
