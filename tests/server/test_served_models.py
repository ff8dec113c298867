"""AVAILABLE_MODELS: which models are served, from where, and where they run."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry import Artifact, Backend
from runtime_server.catalogue import Catalogue
from runtime_server.errors import SettingsError, StartError
from runtime_server.settings import Settings, load_settings

Publish = Callable[..., Artifact]


@pytest.fixture
def settings(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    def _settings(available: object, default: str = "a") -> Settings:
        monkeypatch.setenv("AVAILABLE_MODELS", json.dumps(available))
        monkeypatch.setenv("REGISTRY_ROOT", str(root))
        monkeypatch.setenv("DEFAULT_MODEL", default)
        return load_settings()

    return _settings


@pytest.fixture
def three(publish: Publish, graph: bytes) -> None:
    for name in ("a", "b", "c"):
        publish(graph, model_id=name)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("available", "served"),
    [
        (["a", "b"], ("a", "b")),
        (["*"], ("a", "b", "c")),
        ([{"model": "a", "preferred_backend": "modal"}], ("a",)),
        (["*", {"model": "b", "preferred_backend": "modal"}], ("a", "b", "c")),
        ([{"model": "a"}, "c"], ("a", "c")),
    ],
    ids=str,
)
def test_names_and_objects_say_what_is_served_and_a_star_is_everything(
    settings: Callable[..., Settings], available: object, served: tuple[str, ...]
) -> None:
    assert Catalogue.load(settings(available)).model_ids == served


def test_an_object_overrides_where_a_model_runs(
    publish: Publish, graph: bytes, make_client: Callable[..., httpx.Client]
) -> None:
    artifact = publish(graph)
    override = {"model": "hash-tiny", "preferred_backend": "modal", "fallback_backends": ["local"]}
    client = make_client(available_models=[override])
    answer = client.post("/predict", json={"text": "x"}).json()
    assert answer["backend"] == "local"
    assert answer["metadata"]["fallbacks"] == [{"backend": "modal", "reason": "not_configured"}]
    (listed,) = client.get("/models").json()["models"]
    assert (listed["preferred_backend"], listed["fallback_backends"]) == ("modal", ["local"])
    manifest = client.get("/models/hash-tiny").json()
    assert manifest["routing"] == artifact.manifest.routing.model_dump(mode="json")
    states = {s["backend"]: s for s in client.get("/backends").json()["backends"]}
    assert [states[b]["models"][0]["preferred"] for b in ("local", "modal")] == [False, True]


def test_what_an_object_does_not_say_is_as_in_the_manifest(
    publish: Publish, graph: bytes, settings: Callable[..., Settings]
) -> None:
    manifest = publish(graph, model_id="a").manifest
    given = [{"model": "a", "preferred_backend": "local"}]
    (override,) = [item.override for item in settings(given).available_models]
    assert override is not None
    routing = override.of(manifest)
    assert routing.preferred_backend is Backend.LOCAL
    assert routing.fallback_backends == manifest.routing.fallback_backends


def test_a_folder_adds_an_artifact_from_elsewhere(
    publish: Publish,
    graph: bytes,
    settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    publish(graph, model_id="a")
    moved = tmp_path / "elsewhere" / "b" / "1.0.0"
    artifact = publish(graph, model_id="b")
    moved.parent.mkdir(parents=True)
    artifact.folder.rename(moved)
    catalogue = Catalogue.load(settings(["a", {"model": "b", "folder": str(moved)}]))
    assert catalogue.model_ids == ("a", "b")
    assert catalogue.resolve("b").artifact.folder == moved


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("available", "told"),
    [
        (["nothing"], "AVAILABLE_MODELS: 'nothing' is not served"),
        ([{"model": "nothing", "preferred_backend": "local"}], "'nothing' is not served"),
        ([{"model": "a", "preferred_backend": "moon"}], "AVAILABLE_MODELS"),
        ([{"model": "a", "prefered": "local"}], "AVAILABLE_MODELS"),
        ([{"model": "*", "preferred_backend": "modal"}], "AVAILABLE_MODELS: * is every model"),
        ([7], "AVAILABLE_MODELS"),
    ],
    ids=str,
)
def test_what_cannot_be_served_is_one_line_that_names_the_setting(
    settings: Callable[..., Settings], available: object, told: str
) -> None:
    with pytest.raises(SettingsError, match=r"^AVAILABLE_MODELS") as caught:
        Catalogue.load(settings(available))
    assert told in str(caught.value)


@pytest.mark.usefixtures("three")
def test_a_folder_that_holds_nothing_or_another_model_is_named(
    settings: Callable[..., Settings], root: Path, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match=r"nowhere holds no artifact"):
        Catalogue.load(settings(["a", {"model": "x", "folder": str(tmp_path / "nowhere")}]))
    with pytest.raises(SettingsError, match=r"holds b@1\.0\.0, not x"):
        Catalogue.load(settings(["a", {"model": "x", "folder": str(root / "b" / "1.0.0")}]))
