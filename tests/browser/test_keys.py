"""A real server that asks for API keys: the library sends one, and the page asks for it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Request, expect

from benchmarks.live_server import live_server
from tests.browser.conftest import Visit
from tests.browser.packed import hosted
from tests.browser.test_accessibility import AXE

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 3
DETECT = """async (options) => {
  const { createDetector, ServerRefusal } = await import('./detector.js');
  const { key, ...more } = options;
  const apiKey = more.apiKey ?? (() => key);
  const detector = await createDetector({ server: '../', mode: 'only_server', ...more, apiKey });
  try {
    const answer = await detector.detect('A text.');
    return [answer].flat()[0].backend;
  } catch (error) {
    const { code, status = null, retryAfter = null } = error;
    return [code, status, retryAfter, error instanceof ServerRefusal];
  } finally {
    await detector.dispose();
  }
}"""
DETECT_ELSEWHERE = """async ([server, apiKey]) => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector({ server, apiKey, mode: 'only_server' });
  return detector.detect('A text.').then(({ backend }) => backend, ({ code }) => code);
}"""
KEPT_ANYWHERE = """async () => {
  const kept = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
  for (const { name } of await indexedDB.databases()) kept.push(name);
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) {
      kept.push(request.url, JSON.stringify([...request.headers]));
    }
  }
  return kept.join();
}"""


@dataclass(frozen=True)
class Keyed:
    """A server with keys: one that judges, one that only reads metrics, one with a small rate."""

    url: str
    good: str
    narrow: str
    slow: str


@dataclass
class Sent:
    """Requests of a page that carried a key."""

    requests: list[tuple[str, str]] = field(default_factory=list)

    def note(self, request: Request) -> None:
        key = request.headers.get("authorization")
        if key is not None:
            self.requests.append((request.url, key))


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    path = str(tmp_path_factory.mktemp("keys") / "keys.json")
    good = added(path, "good")
    narrow = added(path, "narrow", "--scope", "metrics")
    slow = added(path, "slow", "--rate-limit", "2/hour")
    with live_server(API_KEYS=path) as url:
        yield Keyed(url, good, narrow, slow)


def added(path: str, *arguments: str) -> str:
    """A new key, as the command shows it once."""
    command = [sys.executable, "-m", "runtime_server", "keys", "add", *arguments]
    environment = {**os.environ, "API_KEYS": path}
    return subprocess.check_output(command, env=environment, text=True).strip()


@pytest.fixture
def page(visit: Callable[..., Visit], keyed: Keyed) -> Visit:
    opened = visit(f"{keyed.url}/demo/")
    opened.wait("ready")
    return opened


def ask_on_the_server(page: Visit) -> None:
    page.choose("only_server")
    ask(page)


def ask(page: Visit) -> None:
    page.page.locator("#text").fill(TEXT)
    page.page.locator("#check").click()


def give(page: Visit, key: str) -> None:
    page.page.get_by_label("API key").fill(key)
    page.page.keyboard.press("Enter")


def test_the_library_sends_the_key_it_is_given(page: Visit, keyed: Keyed) -> None:
    assert page.page.evaluate(DETECT, {"apiKey": keyed.good}) == "local"
    assert page.page.evaluate(DETECT, {"key": keyed.good}) == "local"


@pytest.mark.parametrize(
    ("which", "status"), [("none", 401), ("wrong", 401), ("narrow", 403), ("slow", 429)]
)
def test_a_refusal_says_its_status_and_when_to_come_again(
    page: Visit, keyed: Keyed, which: str, status: int
) -> None:
    keys = {"none": None, "wrong": "no-such-key", "narrow": keyed.narrow, "slow": keyed.slow}
    asked: Any = [page.page.evaluate(DETECT, {"key": keys[which]}) for _ in range(3)][-1]
    code, found, retry_after, is_refusal = asked
    assert (code, found, is_refusal) == ("server_failed", status, True)
    assert (retry_after is not None and 0 < retry_after <= 3600) == (status == 429)


def test_a_wrong_key_falls_over_like_any_failure(page: Visit) -> None:
    options = {"mode": "prefer_server", "apiKey": "no-such-key", "baseUrl": "../"}
    assert page.page.evaluate(DETECT, options) == "client_side"


def test_a_key_goes_to_no_other_origin_with_a_redirect(
    visit: Callable[..., Visit], keyed: Keyed, page: Visit, tmp_path: Path
) -> None:
    sent = Sent()
    with hosted(tmp_path) as elsewhere:
        page.page.on("request", sent.note)
        page.page.route(
            "**/predict",
            lambda route: route.fulfill(status=307, headers={"location": f"{elsewhere}predict"}),
        )
        found = page.page.evaluate(DETECT_ELSEWHERE, [keyed.url, keyed.good])
    assert found == "server_failed"
    assert [url for url, _ in sent.requests] == [f"{keyed.url}/predict"]


def test_files_are_fetched_without_the_key(page: Visit, keyed: Keyed) -> None:
    sent = Sent()
    page.page.on("request", sent.note)
    options = {"mode": "only_client", "apiKey": keyed.good, "cache": False}
    assert page.page.evaluate(DETECT, options) == "client_side"
    assert any("/download?" in url for url in page.requests)
    assert [url for url, _ in sent.requests] == [f"{keyed.url}/predict"]


def test_the_page_asks_for_a_key_and_judges_with_it(page: Visit, keyed: Keyed) -> None:
    sent = Sent()
    page.page.on("request", sent.note)
    page.choose("only_server")
    moved = page.shifts
    ask(page)
    dialog = page.page.get_by_role("dialog", name="The server asks for a key")
    expect(dialog).to_be_visible()
    expect(page.page.get_by_label("API key")).to_be_focused()
    assert page.page.get_by_label("API key").get_attribute("type") == "password"
    give(page, "no-such-key")
    expect(
        page.page.get_by_role("dialog", name="The server does not take this key")
    ).to_be_visible()
    assert page.page.get_by_label("API key").input_value() == ""
    give(page, keyed.good)
    page.wait("done")
    expect(page.page.locator("#key-dialog")).to_be_hidden()
    assert page.page.locator("#place").text_content() == "the server"
    origin = page.page.evaluate("location.origin")
    assert {url for url, _ in sent.requests} == {f"{origin}/predict"}
    assert {key for _, key in sent.requests} == {"Bearer no-such-key", f"Bearer {keyed.good}"}
    assert page.violations == []
    assert page.shifts == moved


def test_the_key_is_kept_in_memory_only(page: Visit, keyed: Keyed) -> None:
    ask_on_the_server(page)
    give(page, keyed.good)
    page.wait("done")
    assert keyed.good not in page.page.evaluate(KEPT_ANYWHERE)
    assert keyed.good not in page.page.content()
    page.page.reload()
    page.wait("ready")
    ask_on_the_server(page)
    expect(page.page.get_by_label("API key")).to_be_visible()


def test_a_key_without_the_scope_is_told_so(page: Visit, keyed: Keyed) -> None:
    ask_on_the_server(page)
    give(page, keyed.narrow)
    expect(page.page.get_by_role("dialog", name="This key does not open it")).to_be_visible()
    page.page.get_by_role("button", name="Not now").click()
    expect(page.page.locator("#error-title")).to_have_text("This key does not open it")
    expect(page.page.locator("#error-detail")).to_contain_text("missing_scope")


def test_above_a_rate_limit_the_page_says_when_to_come_again(page: Visit, keyed: Keyed) -> None:
    ask_on_the_server(page)
    give(page, keyed.slow)
    for _ in range(2):
        page.page.wait_for_selector("html[data-state=done], html[data-state=error]")
        page.page.locator("#check").click()
    expect(page.page.locator("#error-title")).to_have_text("That was too much for now")
    advice = page.page.locator("#error-advice").text_content() or ""
    assert re.fullmatch(r"The server takes more texts in \d+ (s|min)\.", advice)
    expect(page.page.locator("#key-dialog")).to_be_hidden()


def test_where_this_browser_stands_in_the_page_asks_all_the_same(page: Visit, keyed: Keyed) -> None:
    page.choose("prefer_server")
    page.check(TEXT)
    assert (page.page.locator("#place").text_content() or "").startswith("this browser")
    give(page, keyed.good)
    expect(page.page.locator("#place")).to_have_text("the server")


def test_the_comparison_asks_for_the_key_too(page: Visit, keyed: Keyed) -> None:
    page.show("compare")
    page.page.locator("#text").fill(TEXT)
    page.page.locator("#check").click()
    give(page, keyed.good)
    expect(page.page.locator("#agreement")).to_have_text("2 backends agree")


def test_files_are_judged_once_the_key_is_given(page: Visit, keyed: Keyed) -> None:
    page.choose("only_server")
    page.show("files")
    file = {"name": "one.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.page.set_input_files("#batch-files", [file])  # type: ignore[list-item]
    page.page.locator("#batch-run").click()
    give(page, keyed.good)
    expect(page.page.locator("#batch-status")).to_contain_text("1 text checked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_dialog_fits_and_is_accessible(
    visit: Callable[..., Visit],
    keyed: Keyed,
    root: Path,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    viewport = {"width": width, "height": 800}
    page = visit(f"{keyed.url}/demo/", viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.wait("ready")
    ask_on_the_server(page)
    axe = root / "web_bundle" / "node_modules" / "axe-core" / "axe.min.js"
    dialog = page.page.locator("#key-dialog")
    expect(dialog).to_be_visible()
    box = dialog.bounding_box()
    assert box is not None
    assert box["x"] >= 8
    assert box["x"] + box["width"] <= width - 8
    assert page.page.evaluate("document.documentElement.scrollWidth") == width
    page.page.evaluate(axe.read_text("utf-8"))
    assert page.page.evaluate(AXE) == []
