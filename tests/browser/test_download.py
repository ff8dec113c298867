"""Files come once, whole, and are what was published, whatever the network and the cache do."""

import re
from collections.abc import Callable

import pytest

from registry import Artifact
from tests.browser.conftest import Visit
from tests.browser.site import Answer, Received, Site

WASM = "ort-wasm-simd-threaded.wasm"
CACHED = "async () => (await (await caches.open('samegraph-files')).keys()).map(({ url }) => url)"
# Both files are there, and nothing is being written any more.
BOTH_CACHED = "async () => (await (await caches.open('samegraph-files')).keys()).length === 2"
SPOIL = """async () => {
  const cache = await caches.open('samegraph-files');
  for (const key of await cache.keys()) await cache.put(key, new Response('spoilt'));
}"""
CROWD = """async () => {
  const headers = { 'content-length': '255999999' };
  const cache = await caches.open('samegraph-files');
  await cache.put('/.samegraph/sha256/old', new Response('', { headers }));
}"""
WATCH = """async ([manifestUrl]) => {
  const { createDetector } = await import('./detector.js');
  const seen = [];
  const onProgress = (progress) => seen.push(progress);
  const detector = await createDetector({ manifestUrl, onProgress, cache: false });
  await detector.dispose();
  return seen;
}"""


def asked_for(site: Site, name: str) -> list[Received]:
    return [request for request in site.received if request.path.endswith(name)]


def wait_for_cache(visit: Visit) -> None:
    visit.page.wait_for_function(BOTH_CACHED)


def test_a_download_that_broke_off_goes_on_where_it_ended(
    visit: Callable[..., Visit], site: Site
) -> None:
    content = site.read(WASM)
    half = len(content) // 2
    site.instead[WASM] = Answer(content, media_type="application/wasm", times=1, breaks_after=half)
    visit().wait("ready")
    first, second = asked_for(site, WASM)
    assert "range" not in first.headers.lower()
    found = re.search(r"range: bytes=(\d+)-", second.headers.lower())
    assert found, second.headers
    assert 0 < int(found[1]) <= half


def test_a_host_without_ranges_sends_everything_again(
    visit: Callable[..., Visit], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.browser.site.ranged", lambda answer, _: answer)
    content = site.read(WASM)
    site.instead[WASM] = Answer(content, times=1, breaks_after=len(content) // 2)
    visit().wait("ready")
    assert len(asked_for(site, WASM)) == 2


def test_a_second_visit_downloads_neither_model_nor_runtime(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit()
    page.wait("ready")
    wait_for_cache(page)
    page.page.reload()
    page.wait("ready")
    assert len(asked_for(site, WASM)) == len(asked_for(site, "model.onnx")) == 1


def test_a_spoilt_cache_is_noticed_and_replaced(visit: Callable[..., Visit], site: Site) -> None:
    page = visit()
    page.wait("ready")
    wait_for_cache(page)
    page.page.evaluate(SPOIL)
    page.page.reload()
    page.wait("ready")
    assert len(asked_for(site, WASM)) == len(asked_for(site, "model.onnx")) == 2


def test_the_oldest_files_go_where_the_cache_is_full(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    wait_for_cache(page)
    page.page.evaluate("caches.delete('samegraph-files')")
    page.page.evaluate(CROWD)
    page.page.reload()
    page.wait("ready")
    wait_for_cache(page)
    assert not any(url.endswith("old") for url in page.page.evaluate(CACHED))


def test_a_file_with_more_than_its_bytes_is_refused(
    visit: Callable[..., Visit], site: Site, lexical_tiny: Artifact
) -> None:
    name = f"models/{lexical_tiny.manifest.model_id}/{lexical_tiny.manifest.version}/model.onnx"
    site.instead[name] = Answer(site.read(name) + b"more")
    page = visit()
    page.wait("error")
    assert page.page.locator("#error-code").inner_text() == "digest_mismatch"


def test_progress_tells_the_bytes_of_every_file_and_ends_with_all(
    visit: Callable[..., Visit], site: Site, lexical_tiny: Artifact
) -> None:
    manifest = lexical_tiny.manifest
    page = visit()
    page.wait("ready")
    folder = f"models/{manifest.model_id}/{manifest.version}"
    seen = page.page.evaluate(WATCH, [f"./{folder}/manifest.json"])
    phases = [event["phase"] for event in seen]
    assert phases[-3:] == ["load", "load", "ready"]
    assert [event["step"] for event in seen if event["phase"] == "load"] == ["session", "warm_up"]
    downloads = [event for event in seen if event["phase"] == "download"]
    assert len(downloads) == len(seen) - 3
    last = {event["url"].rpartition("/")[2]: event for event in downloads}
    assert set(last) == {WASM, "model.onnx"}
    assert last["model.onnx"]["total"] == manifest.model.bytes
    assert last[WASM]["total"] == len(site.read(WASM))
    assert all(event["loaded"] == event["total"] for event in last.values())
    assert {event["source"] for event in downloads} == {"network"}
