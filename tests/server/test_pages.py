"""Info, health, model list, demo page."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from registry import Artifact


def wait_until_ready(client: httpx.Client) -> httpx.Response:
    for _ in range(500):
        answer = client.get("/readyz")
        if answer.status_code == 200:
            break
    return answer


def test_the_root_says_what_is_here(client: httpx.Client) -> None:
    info = client.get("/").json()
    assert info["default_model"] == "hash-tiny@1.0.0"
    assert info["models"] == ["hash-tiny"]
    assert info["routes"]["predict"] == "POST /predict"


def test_the_server_becomes_ready_by_itself(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"live": True}
    assert wait_until_ready(client).json() == {"ready": True}


def test_health_says_what_each_backend_could_do(client: httpx.Client) -> None:
    wait_until_ready(client)
    health = client.get("/health").json()
    states = {name: (b["available"], b["reason"]) for name, b in health["backends"].items()}
    assert (health["live"], health["ready"], health["obstacle"]) == (True, True, None)
    assert states == {
        "local": (True, None),
        "modal": (False, "not_configured"),
        "client_side": (True, None),
    }


def test_backends_say_which_models_each_could_run_and_why_not(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    publish(graph)
    publish(graph, version="2.0.0", memory_bytes=2_000_000_000, browser=False)
    client = make_client(vps_cpu_memory_gb=1, allow_modal_inference=False)
    found = {state["backend"]: state for state in client.get("/backends").json()["backends"]}
    flags = {
        name: (state["enabled"], state["configured"], state["available"], state["reason"])
        for name, state in found.items()
    }
    assert flags == {
        "local": (True, True, True, None),
        "modal": (False, False, False, "forbidden_by_settings"),
        "client_side": (True, True, True, None),
    }
    reasons = {
        name: {model["model"]: model["reason"] for model in state["models"]}
        for name, state in found.items()
    }
    assert reasons["local"] == {"hash-tiny@1.0.0": None, "hash-tiny@2.0.0": "exceeds_memory_budget"}
    assert reasons["client_side"]["hash-tiny@2.0.0"] == "unsupported_in_browser"
    preferred = [model["preferred"] for model in found["client_side"]["models"]]
    assert preferred == [True, True]


def test_a_model_that_only_callers_can_run_does_not_keep_the_server_from_being_ready(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    publish(graph, memory_bytes=2_000_000_000)
    client = make_client(vps_cpu_memory_gb=1)
    assert wait_until_ready(client).status_code == 200
    local = client.get("/health").json()["backends"]["local"]
    assert local["reason"] == "exceeds_memory_budget"


def test_the_model_list_shows_every_version_and_where_to_get_it(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(graph, version=version)
    client = make_client()
    listed = client.get("/models").json()
    assert listed["default_model"] == "hash-tiny@1.1.0"
    assert [(m["version"], m["default"]) for m in listed["models"]] == [
        ("1.0.0", False),
        ("1.1.0", True),
    ]
    assert client.get(listed["models"][0]["download_url"]).content == graph


def test_only_available_models_are_served(
    make_client: Callable[..., httpx.Client], publish: Callable[..., Artifact], graph: bytes
) -> None:
    for version in ("1.0.0", "1.1.0"):
        publish(graph, version=version)
    publish(graph, model_id="other")
    client = make_client(available_models=("hash-tiny@1.0.0",))
    assert [m["version"] for m in client.get("/models").json()["models"]] == ["1.0.0"]
    assert client.get("/models/other").status_code == 404


@pytest.fixture
def site(
    tmp_path: Path, make_client: Callable[..., httpx.Client], artifact: Artifact
) -> httpx.Client:
    """A server whose demo page is built after it started."""
    client = make_client()
    folder = tmp_path / "demo"
    folder.mkdir()
    names = ("index.html", "a.js", "a.mjs", "a.wasm", "a.onnx", "a.css", "a.bin")
    for name in names:
        (folder / name).write_bytes(b"content of " + name.encode())
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    return client


def test_the_demo_is_found_below_any_prefix(site: httpx.Client) -> None:
    redirect = site.get("/demo")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "demo/")
    assert site.get("/demo/").content == b"content of index.html"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.onnx", "application/octet-stream"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.bin", "application/octet-stream"),
    ],
)
def test_demo_files_have_fixed_media_types(site: httpx.Client, name: str, media_type: str) -> None:
    answer = site.get(f"/demo/{name}")
    assert answer.headers["content-type"] == media_type
    assert (
        site.get(f"/demo/{name}", headers={"if-none-match": answer.headers["etag"]}).status_code
        == 304
    )


def test_the_demo_runs_under_a_strict_policy(site: httpx.Client) -> None:
    for answer in (site.get("/demo/"), site.get("/demo/missing")):
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
            "img-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types default"
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_what_is_no_page_cannot_be_made_one(site: httpx.Client) -> None:
    for answer in (site.get("/models"), site.get("/missing"), site.post("/predict", json={})):
        policy = answer.headers.get_list("content-security-policy")
        assert policy == ["default-src 'none'; frame-ancestors 'none'"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"


def test_the_demo_may_ask_the_server_that_hands_it_out(site: httpx.Client) -> None:
    answer = site.get("/demo/server.json")
    assert answer.json() == {"server": "../"}
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["..%2foutside.txt", "%2e%2e/outside.txt", "link.txt", "%00"])
def test_the_demo_does_not_show_what_lies_outside(site: httpx.Client, name: str) -> None:
    answer = site.get(f"/demo/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_demo_that_is_not_built_says_how_to_build_it(client: httpx.Client) -> None:
    answer = client.get("/demo/")
    assert (answer.status_code, answer.json()["code"]) == (404, "demo_not_built")
    assert "make web" in answer.json()["detail"]
