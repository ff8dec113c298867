"""Where a text is judged: this browser, or the server that hands out the page."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from registry import FileStore
from registry.store import DEFAULT_ROOT
from tests.browser.conftest import Visit

MARK = "xylophone-marmalade-42"
TEXT = f"Between us: {MARK}. Keep it to yourself, and tell nobody else about it. " * 5
MODES = ("only_client", "prefer_client", "prefer_server", "only_server")


@pytest.fixture
def served(visit: Callable[..., Visit], server_url: str) -> Visit:
    page = visit(f"{server_url}/demo/")
    page.wait("ready")
    page.page.wait_for_selector("#choose-mode option[value=only_server]:enabled", state="attached")
    return page


def test_a_page_without_a_server_offers_this_browser_only(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    enabled = page.page.locator("#choose-mode option:enabled")
    assert enabled.evaluate_all("(all) => all.map(({ value }) => value)") == ["only_client"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_answers_alike_and_says_where_it_ran(served: Visit, mode: str) -> None:
    alone = served.check(TEXT)
    served.choose(mode)
    assert served.check(TEXT) == pytest.approx(alone, abs=1e-5)
    place = "this browser (wasm)" if mode.endswith("client") else "the server"
    expect(served.page.locator("#place")).to_have_text(place)
    served.page.wait_for_selector("#sentences:not([data-stale]) mark")
    assert (served.violations, served.complaints) == ([], [])


def test_the_promise_at_the_top_is_what_the_mode_keeps(served: Visit) -> None:
    bodies: list[str] = []
    served.page.on("request", lambda request: bodies.append(request.post_data or ""))
    promise = served.page.locator("#promise")
    served.check(TEXT)
    served.page.wait_for_selector("#marked mark")
    expect(promise).to_have_text("Your text stays in this browser")
    assert not any(MARK in body for body in bodies)
    served.choose("only_server")
    expect(promise).to_contain_text("is sent to 127.0.0.1")
    assert not any(MARK in body for body in bodies)
    served.check(TEXT)
    assert any(MARK in body for body in bodies)


def test_a_server_that_fails_is_stood_in_for_and_that_is_said(served: Visit) -> None:
    served.page.route("**/predict", lambda route: route.abort())
    served.choose("prefer_server")
    served.check(TEXT)
    expect(served.page.locator("#place")).to_have_text("this browser (wasm)")
    expect(served.page.locator("#fallback")).to_contain_text("The server was asked first")


def test_models_of_the_server_can_be_chosen(served: Visit) -> None:
    minilm = FileStore(DEFAULT_ROOT).resolve("minilm-small")
    names = served.page.locator("#choose-model option").all_inner_texts()
    assert len(names) == len(set(names)) > 1
    served.page.select_option("#choose-mode", "only_server")
    served.page.select_option("#choose-model", minilm.manifest.reference)
    served.wait("ready")
    served.check(TEXT)
    expect(served.page.locator("#model")).to_have_text(f"minilm-small {minilm.manifest.version}")


def test_another_choice_greys_the_earlier_answer_and_asks_nobody(served: Visit) -> None:
    served.check(TEXT)
    asked = len(served.requests)
    served.choose("prefer_server")
    expect(served.page.locator("#result")).to_have_attribute("data-stale", "")
    assert not [url for url in served.requests[asked:] if url.endswith("/predict")]
