"""What an operator may do while requests go on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from registry import Artifact
from runtime_server.errors import SettingsError
from runtime_server.settings import load_settings
from tests.server.conftest import hash_graph
from tests.waiting import wait_for

KEY = "a key of the operator"
AUTH = {"Authorization": f"Bearer {KEY}"}
MakeClient = Callable[..., httpx.Client]
Publish = Callable[..., Artifact]


@pytest.fixture
def operator(artifact: Artifact, make_client: MakeClient) -> httpx.Client:
    client = make_client(admin_key=KEY)
    # Else the warm-up may hold the model that a test lets go of.
    wait_for(lambda: client.get("/readyz").status_code == 200)
    client.headers.update(AUTH)
    return client


def in_memory(client: httpx.Client) -> dict[str, bool]:
    models = client.get("/admin/models", headers=AUTH).json()["models"]
    return {state["model"]: state["loaded"] for state in models}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/models"),
        ("POST", "/admin/models/hash-tiny/load"),
        ("POST", "/admin/models/hash-tiny/unload"),
        ("POST", "/admin/reload"),
    ],
)
def test_without_the_right_key_nothing_is_told_or_done(
    artifact: Artifact, make_client: MakeClient, method: str, path: str
) -> None:
    off, on = make_client(), make_client(admin_key=KEY)
    refused = off.request(method, path, headers=AUTH)
    assert (refused.status_code, refused.json()["code"]) == (403, "admin_disabled")
    for headers in ({}, {"Authorization": "Bearer another"}, {"Authorization": f"Basic {KEY}"}):
        refused = on.request(method, path, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Bearer"


def test_a_key_that_anyone_could_guess_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_KEY", "secret")
    with pytest.raises(SettingsError, match="ADMIN_KEY") as caught:
        load_settings()
    assert "secret" not in str(caught.value)


def test_a_model_is_loaded_and_let_go_of(operator: httpx.Client) -> None:
    loaded = operator.post("/admin/models/hash-tiny/load").json()
    assert (loaded["model"], loaded["loaded"]) == ("hash-tiny@1.0.0", True)
    assert in_memory(operator) == {"hash-tiny@1.0.0": True}
    assert "samegraph_model_loaded" in operator.get("/metrics").text
    assert operator.post("/admin/models/hash-tiny/unload").json()["loaded"] is False
    assert in_memory(operator) == {"hash-tiny@1.0.0": False}
    assert operator.post("/admin/models/hash-tiny/unload").status_code == 200
    assert operator.post("/predict", json={"text": "x"}).status_code == 200
    assert in_memory(operator) == {"hash-tiny@1.0.0": True}


def test_an_unknown_model_or_a_damaged_one_is_a_problem(
    operator: httpx.Client, artifact: Artifact
) -> None:
    assert operator.post("/admin/models/nothing/load").json()["code"] == "model_not_found"
    operator.post("/admin/models/hash-tiny/unload")
    (artifact.folder / "model.onnx").write_bytes(b"something else")
    problem = operator.post("/admin/models/hash-tiny/load").json()
    assert (problem["code"], problem["reason"]) == ("load_failed", "digest_mismatch")


@dataclass
class Callers:
    """What several callers got, one request after the other, until they were told to stop."""

    statuses: list[int] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


@contextmanager
def calling(client: httpx.Client, callers: int = 4) -> Iterator[Callers]:
    stop, got = threading.Event(), Callers()

    def _call() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            while not stop.is_set():
                answer = own.post("/predict", json={"text": "the same text"})
                got.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    got.versions.append(answer.json()["metadata"]["model_version"])

    threads = [threading.Thread(target=_call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield got
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_new_version_is_taken_up_without_a_failed_request(
    operator: httpx.Client, publish: Publish
) -> None:
    with calling(operator) as got:
        while len(got.statuses) < 20:
            time.sleep(0.01)
        publish(hash_graph(seed=1), version="1.1.0")
        report = operator.post("/admin/reload").json()
        seen = len(got.statuses)
        while len(got.statuses) < seen + 40:
            time.sleep(0.01)
    assert report["added"] == ["hash-tiny@1.1.0"]
    assert report["kept"] == ["hash-tiny@1.0.0"]
    assert set(got.statuses) == {200}
    assert got.versions[0] == "1.0.0"
    assert set(got.versions[-20:]) == {"1.1.0"}


def test_what_is_new_is_warm_before_anyone_gets_it(
    operator: httpx.Client, publish: Publish
) -> None:
    operator.post("/admin/models/hash-tiny/load")
    publish(hash_graph(seed=1), version="1.1.0")
    operator.post("/admin/reload")
    assert in_memory(operator)["hash-tiny@1.1.0"] is True
    first = operator.post("/predict", json={"text": "x"}).json()["metadata"]
    assert (first["model_version"], first["timings_ms"]["load"] < 1) == ("1.1.0", True)


@pytest.mark.parametrize("content", [b"no graph", None], ids=["not a graph", "another file"])
def test_a_broken_new_version_leaves_the_old_one(
    operator: httpx.Client, publish: Publish, content: bytes | None
) -> None:
    operator.post("/admin/models/hash-tiny/load")
    broken = publish(content or hash_graph(seed=1), version="1.1.0")
    if content is None:
        (broken.folder / "model.onnx").write_bytes(hash_graph(seed=2))
    with calling(operator) as got:
        report = operator.post("/admin/reload").json()
        while len(got.statuses) < 20:
            time.sleep(0.01)
    assert [refused["model"] for refused in report["refused"]] == ["hash-tiny@1.1.0"]
    assert report["added"] == []
    assert set(got.statuses) == {200}
    assert set(got.versions) == {"1.0.0"}


def test_a_version_that_is_gone_leaves_memory(
    operator: httpx.Client, artifact: Artifact, publish: Publish, root: Path
) -> None:
    operator.post("/admin/models/hash-tiny/load")
    publish(hash_graph(seed=1), version="1.1.0")
    for file in artifact.folder.iterdir():
        file.unlink()
    artifact.folder.rmdir()
    report = operator.post("/admin/reload").json()
    assert report["removed"] == ["hash-tiny@1.0.0"]
    assert in_memory(operator) == {"hash-tiny@1.1.0": True}
    gone = 'samegraph_model_memory_bytes{model="hash-tiny@1.0.0"} 0.0'
    assert gone in operator.get("/metrics").text


def test_a_registry_that_cannot_be_read_changes_nothing(
    operator: httpx.Client, publish: Publish
) -> None:
    new = publish(hash_graph(seed=1), version="1.1.0")
    (new.folder / "manifest.json").write_text("{")
    refused = operator.post("/admin/reload")
    assert (refused.status_code, refused.json()["code"]) == (409, "reload_refused")
    assert operator.post("/predict", json={"text": "x"}).status_code == 200
    assert list(in_memory(operator)) == ["hash-tiny@1.0.0"]


def test_a_default_model_that_is_gone_changes_nothing(
    operator: httpx.Client, artifact: Artifact, publish: Publish
) -> None:
    publish(hash_graph(seed=1), model_id="another")
    artifact.folder.parent.rename(artifact.folder.parent.parent.parent / "elsewhere")
    refused = operator.post("/admin/reload")
    assert (refused.status_code, refused.json()["code"]) == (409, "reload_refused")
    assert list(in_memory(operator)) == ["hash-tiny@1.0.0"]
