"""One detector with two sides, a real server's and the page's: either answers, and says which."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.live_server import live_server
from registry import Artifact
from tests.browser.conftest import WAIT_MS

MARK = "xylophone-marmalade-42"
TEXT = f"Between us: {MARK}. Keep it to yourself, and tell nobody else about it. " * 5
DETECT = """async ([options, input, wishes]) => {
  const { createDetector } = await import('./detector.js');
  try {
    const { server = '../', ...more } = options;
    const detector = await createDetector({ ...more, ...(server && { server }) });
    const answer = await detector.detect(input, wishes ?? {});
    await detector.dispose();
    return answer;
  } catch ({ code, message }) {
    return { code, message };
  }
}"""
ABORTED = """async (options) => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector({ server: '../', ...options });
  const controller = new AbortController();
  const call = detector.detect('A text.', { signal: controller.signal });
  controller.abort();
  return call.then(() => 'answered', ({ code }) => code);
}"""


@dataclass
class Opened:
    """A page of the server, and what went over the wire from it."""

    page: Page
    bodies: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def detect(self, mode: str, text: object = TEXT, **more: object) -> Any:  # noqa: ANN401
        wishes = more.pop("wishes", {})
        return self.page.evaluate(DETECT, [{"mode": mode, **more}, text, wishes])

    def cut(self, pattern: str) -> None:
        """Nothing that fits the pattern gets through."""
        self.page.route(pattern, lambda route: route.abort())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with live_server() as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Opened]:
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    opened = Opened(context.new_page())
    context.on("request", lambda request: opened.bodies.append(request.post_data or ""))
    context.on("request", lambda request: opened.urls.append(request.url))
    opened.page.goto(f"{url}/demo/")
    yield opened
    context.close()


def static_manifest(artifact: Artifact) -> str:
    return f"./models/{artifact.manifest.model_id}/{artifact.manifest.version}/manifest.json"


def test_both_sides_give_the_same_answer_and_name_themselves(page: Opened) -> None:
    client = page.detect("only_client")
    server = page.detect("only_server")
    assert (client["backend"], server["backend"]) == ("client_side", "local")
    assert abs(client["probability"] - server["probability"]) <= 1e-5
    for name in ("artifact_digest", "model_sha256", "threshold", "warnings", "windows"):
        assert client["metadata"][name] == server["metadata"][name]


def test_only_client_tells_the_server_no_word_of_the_text(page: Opened) -> None:
    assert page.detect("only_client")["backend"] == "client_side"
    assert [body for body in page.bodies if MARK in body] == []
    origin = page.page.evaluate("location.origin")
    assert [url for url in page.urls if not url.startswith(f"{origin}/")] == []


def test_a_model_that_does_not_arrive_is_judged_by_the_server(page: Opened) -> None:
    page.cut("**/download?*")
    # The page itself may have cached the model by now.
    answer = page.detect("prefer_client", cache=False)
    assert answer["backend"] == "local"
    fallback = answer["metadata"]["fallbacks"][0]
    assert fallback["backend"] == "client_side"
    assert "fetch_failed" in fallback["reason"]


def test_a_server_that_is_gone_is_stood_in_for_by_the_page(
    page: Opened, lexical_tiny: Artifact
) -> None:
    page.cut("**/predict")
    answer = page.detect("prefer_server", manifestUrl=static_manifest(lexical_tiny))
    assert answer["backend"] == "client_side"
    assert [fallback["backend"] for fallback in answer["metadata"]["fallbacks"]] == ["server"]


def test_only_means_only(page: Opened, lexical_tiny: Artifact) -> None:
    page.cut("**/predict")
    page.cut("**/download?*")
    manifest = static_manifest(lexical_tiny)
    assert page.detect("only_server", manifestUrl=manifest)["code"] == "server_failed"
    assert page.detect("only_client")["code"] == "server_failed"


@pytest.mark.parametrize("mode", ["prefer_client", "prefer_server"])
def test_an_abort_of_the_callers_falls_over_to_nobody(page: Opened, mode: str) -> None:
    assert page.page.evaluate(ABORTED, {"mode": mode}) == "aborted"
    assert not any("A text." in body for body in page.bodies if mode == "prefer_client")


def test_many_texts_go_to_the_server_in_parts_and_come_back_in_order(page: Opened) -> None:
    texts = [f"This is text number {n}, and it is not long." for n in range(70)]
    client = page.detect("only_client", texts)
    server = page.detect("only_server", texts)
    assert len([url for url in page.urls if url.endswith("/batch-predict")]) == 2
    for one, other in zip(client, server, strict=True):
        assert abs(one["probability"] - other["probability"]) <= 1e-5


def test_what_the_server_refuses_is_told_with_its_own_code(page: Opened) -> None:
    refused = page.detect("only_server", model="no-such-model")
    assert refused["code"] == "server_failed"
    assert "model_not_found" in refused["message"]


def test_wishes_mean_the_same_on_both_sides(page: Opened) -> None:
    wishes = {"threshold": 0.5, "explain": True}
    client = page.detect("only_client", wishes=wishes)
    server = page.detect("only_server", wishes=wishes)
    assert client["metadata"]["threshold"] == server["metadata"]["threshold"] == 0.5
    places = [
        [(segment["start"], segment["end"]) for segment in answer["metadata"]["segments"]]
        for answer in (client, server)
    ]
    assert places[0] == places[1]
    assert len(places[0]) > 1


def test_a_server_is_a_place_to_load_a_model_from(page: Opened, lexical_tiny: Artifact) -> None:
    answer = page.detect("only_client", server=None, baseUrl="../", model="lexical-tiny")
    assert answer["backend"] == "client_side"
    assert answer["metadata"]["artifact_digest"] == lexical_tiny.manifest.digest
    assert not any(url.endswith("/predict") for url in page.urls)


IN_NODE = """
const { createDetector } = await import(process.argv[1]);
const [, , server, mode, text] = process.argv;
const detector = await createDetector({ server, mode });
const { backend, probability } = await detector.detect(text);
console.log(JSON.stringify([backend, probability]));
await detector.dispose();
"""


def test_node_has_the_same_two_sides(url: str, root: Path) -> None:
    library = (root / "web_bundle" / "dist" / "npm" / "node.js").as_uri()
    node = ["node", "--input-type=module", "-e", IN_NODE, "--", library, url]
    answers = [
        json.loads(subprocess.check_output([*node, mode, TEXT]))
        for mode in ("only_client", "only_server")
    ]
    assert [backend for backend, _ in answers] == ["client_side", "local"]
    assert abs(answers[0][1] - answers[1][1]) <= 1e-5
