"""What every test may use: the checkout, and the artifacts that `make export` built."""

from pathlib import Path

import pytest

from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def lexical_tiny() -> Artifact:
    return FileStore(DEFAULT_ROOT).resolve("lexical-tiny")
