"""What every test may use: the checkout, and the artifacts that `make export` built."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT

ROOT = Path(__file__).resolve().parent.parent
# They export real architectures through torch, minutes of it: `make test-slow` runs them.
SLOW_FILES = {
    "test_add_a_model.py",
    "test_causal_lm.py",
    "test_encoder.py",
    "test_encoder_kinds.py",
    "test_ensemble.py",
    "test_ensemble_large.py",
    "test_smollm2.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def lexical_tiny() -> Artifact:
    return FileStore(DEFAULT_ROOT).resolve("lexical-tiny")


@pytest.fixture(scope="session", autouse=True)
def _no_modal_of_the_developers_own() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET", "MODAL_PROFILE"):
            patch.delenv(name, raising=False)
        patch.setenv("MODAL_CONFIG_PATH", "/nonexistent/modal.toml")
        yield
