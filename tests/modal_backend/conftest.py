"""A Modal on this machine, with the product deployed to it by its own commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from registry import Artifact, FileStore, NotFoundError
from registry.store import DEFAULT_ROOT
from runtime_server.settings import Settings
from tests.conftest import ROOT
from tests.modal_loopback import LoopbackModal, running

COMMAND = (sys.executable, "-m", "runtime_server")
Run = Callable[..., subprocess.CompletedProcess[str]]


def run_modal(
    environment: Mapping[str, str], *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """`python -m runtime_server modal …`, as an operator runs it."""
    names = {name.upper() for name in Settings.model_fields}
    inherited = {k: v for k, v in os.environ.items() if k not in names}
    return subprocess.run(
        (*COMMAND, "modal", *arguments),
        env={**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "120", **environment, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def golden(artifact: Artifact) -> list[dict[str, object]]:
    """Texts, and what the source framework says of them."""
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def built(reference: str) -> Artifact:
    """What `make export` has built; skips where it has not."""
    try:
        return FileStore(DEFAULT_ROOT).resolve(reference)
    except NotFoundError:
        pytest.skip(f"{reference} is not built: make export")


@contextmanager
def deployed(*models: str, **options: object) -> Iterator[LoopbackModal]:
    """A Modal with the product deployed to it, these models published, and its token set."""
    with running(**options) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        for arguments in (("deploy",), ("publish", *models)):
            done = run_modal(server.environment, *arguments)
            assert done.returncode == 0, done.stderr
        yield server


@pytest.fixture(scope="module")
def modal() -> Iterator[LoopbackModal]:
    with deployed("lexical-tiny") as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_left_over(request: pytest.FixtureRequest) -> None:
    if "modal" in request.fixturenames:
        request.getfixturevalue("modal").forget()
