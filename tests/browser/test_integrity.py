"""Nothing runs that is not what was published."""

import hashlib
import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from registry import Artifact
from registry.manifest import Contract, Manifest, artifact_digest
from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site

WASM = "ort-wasm-simd-threaded.wasm"


@pytest.fixture
def folder(lexical_tiny: Artifact) -> str:
    return f"models/{lexical_tiny.manifest.model_id}/{lexical_tiny.manifest.version}"


def flipped(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def expect_failure(page: Visit, code: str) -> None:
    """A friendly error with this code, and no number anywhere."""
    page.page.click("[data-example=human]")
    page.wait("error")
    expect(page.page.locator("#error")).to_be_visible()
    expect(page.page.locator("#error-code")).to_have_text(code)
    assert page.page.locator("#error-title").inner_text() != ""
    assert page.page.locator("#probability").get_attribute("value") == ""
    expect(page.page.locator("#answer")).to_be_hidden()


def test_a_flipped_bit_of_the_graph_is_refused(
    visit: Callable[..., Visit], site: Site, folder: str
) -> None:
    site.instead[f"{folder}/model.onnx"] = Answer(flipped(site.read(f"{folder}/model.onnx")))
    expect_failure(visit(), "digest_mismatch")


def test_a_flipped_bit_of_the_runtime_is_refused(visit: Callable[..., Visit], site: Site) -> None:
    site.instead[WASM] = Answer(flipped(site.read(WASM)))
    expect_failure(visit(), "digest_mismatch")


def test_an_edited_contract_is_refused(
    visit: Callable[..., Visit], site: Site, folder: str
) -> None:
    manifest = json.loads(site.read(f"{folder}/manifest.json"))
    manifest["decision"]["threshold"] = 0.01
    site.instead[f"{folder}/manifest.json"] = Answer(json.dumps(manifest).encode())
    expect_failure(visit(), "digest_mismatch")


def test_a_graph_exchanged_together_with_its_manifest_is_refused(
    visit: Callable[..., Visit], site: Site, folder: str
) -> None:
    model = flipped(site.read(f"{folder}/model.onnx"))
    manifest = Manifest.model_validate_json(site.read(f"{folder}/manifest.json"))
    sha256 = hashlib.sha256(model).hexdigest()
    files = tuple(
        file.model_copy(update={"sha256": sha256}) if file == manifest.model else file
        for file in manifest.files
    )
    terms = Contract.model_validate(manifest.model_dump(include=set(Contract.model_fields)))
    digest = artifact_digest(files, terms)
    exchanged = manifest.model_copy(update={"files": files, "digest": digest})
    site.instead[f"{folder}/manifest.json"] = Answer(exchanged.to_bytes())
    site.instead[f"{folder}/model.onnx"] = Answer(model)
    expect_failure(visit(), "digest_mismatch")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("model.onnx", Answer(b"<!doctype html>", media_type="text/html; charset=utf-8")),
        ("model.onnx", Answer(b"gone", 404)),
        ("manifest.json", Answer(b"<!doctype html>", media_type="text/html")),
        ("manifest.json", Answer(b"", 503)),
    ],
)
def test_what_does_not_arrive_is_said_to_be_missing(
    visit: Callable[..., Visit], site: Site, folder: str, name: str, answer: Answer
) -> None:
    site.instead[f"{folder}/{name}"] = answer
    expect_failure(visit(), "fetch_failed")


def test_a_manifest_that_is_none_is_called_so(
    visit: Callable[..., Visit], site: Site, folder: str
) -> None:
    site.instead[f"{folder}/manifest.json"] = Answer(b'{"schema_version": 2}')
    expect_failure(visit(), "bad_manifest")


def test_load_again_recovers_and_judges_the_waiting_text(
    visit: Callable[..., Visit], site: Site, folder: str
) -> None:
    site.instead[f"{folder}/model.onnx"] = Answer(b"broken", times=2)
    page = visit()
    expect_failure(page, "digest_mismatch")
    page.page.click("#retry")
    page.wait("done")
    expect(page.page.locator("#error")).to_be_hidden()
    assert 0 <= page.probability <= 1


def test_one_bad_copy_is_fetched_anew(visit: Callable[..., Visit], site: Site, folder: str) -> None:
    site.instead[f"{folder}/model.onnx"] = Answer(b"half a fi", times=1)
    page = visit()
    page.wait("ready")


def test_a_script_that_was_changed_does_not_run(visit: Callable[..., Visit], site: Site) -> None:
    script = site.script("app.js")
    changed = site.read(script) + b"\nwindow.changed = true;"
    site.instead[script] = Answer(changed, media_type="text/javascript")
    page = visit()
    page.page.wait_for_timeout(300)
    assert page.page.evaluate("window.changed") is None
    expect(page.page.locator("html")).to_have_attribute("data-state", "loading")
