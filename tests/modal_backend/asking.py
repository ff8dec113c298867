"""A server of this project in front of the loopback Modal, and what its answers say."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from registry import FileStore
from registry.store import DEFAULT_ROOT
from runtime_server.app import create_app
from runtime_server.settings import Settings
from tests.server.conftest import listening
from tests.waiting import wait_for

TEXT = "The kettle clicked off before I had found a clean mug."


@contextmanager
def serving(**changes: object) -> Iterator[httpx.Client]:
    """A server that is ready, whose models are those that are built."""
    given = {
        "registry_root": DEFAULT_ROOT,
        "demo_root": Path("/nonexistent"),
        "available_models": ("lexical-tiny",),
        "modal_expected_start_s": 0.0,
        **changes,
    }
    with listening(create_app(Settings(_env_file=None, **given))) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client


def ask(client: httpx.Client, text: str = TEXT, **body: object) -> httpx.Response:
    return client.post("/predict", json={"text": text, "prefer_backend": "modal", **body})


def fallbacks(answer: httpx.Response) -> list[tuple[str, str]]:
    """Without the callers' own machines, which no test here is about."""
    assert answer.status_code == 200, answer.text
    found = [(f["backend"], f["reason"]) for f in answer.json()["metadata"]["fallbacks"]]
    return [one for one in found if one[0] != "client_side"]


def state(client: httpx.Client, backend: str = "modal") -> dict[str, object]:
    (found,) = (s for s in client.get("/backends").json()["backends"] if s["backend"] == backend)
    return found


def model_state(client: httpx.Client, model: str = "lexical-tiny") -> dict[str, object]:
    """What Modal is known to do with the newest version of a model."""
    reference = FileStore(DEFAULT_ROOT).resolve(model).manifest.reference
    (found,) = (m for m in state(client)["models"] if m["model"] == reference)
    return found
