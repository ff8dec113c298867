"""<ai-text-check>: a button for a text field, under a strict policy, for everybody."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from registry import Artifact
from tests.browser.conftest import RECORD_VIOLATIONS, WAIT_MS
from tests.browser.packed import hosted

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>An essay</title></head>
<body>
<main>
<h1>An essay</h1>
<label for="essay">Essay</label>
<textarea id="essay" rows="8" cols="60"></textarea>
<ai-text-check for="essay" base-url="./detector/"></ai-text-check>
</main>
<script type="module" src="./npm/ai_text_check.js"></script>
</body>
</html>
"""
EVENTS = """
window.events = [];
for (const type of ['detection', 'detection-error'])
  addEventListener(type, ({ detail }) =>
    events.push([type, detail.probability ?? null, detail.code ?? null]));
"""


@pytest.fixture(scope="module")
def url(root: Path, static_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("element")
    shutil.copytree(root / "web_bundle" / "dist" / "npm", folder / "npm")
    shutil.copytree(static_folder / "models", folder / "detector" / "models")
    (folder / "index.html").write_text(PAGE)
    with hosted(folder) as url:
        yield url


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(RECORD_VIOLATIONS + EVENTS)
    page = context.new_page()
    page.goto(url)
    yield page
    assert page.evaluate("violations") == []
    context.close()


@pytest.fixture(scope="module")
def golden(lexical_tiny: Artifact) -> dict[str, Any]:
    lines = lexical_tiny.path("golden.jsonl").read_text("ascii").splitlines()
    vectors: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return max(vectors, key=lambda vector: len(set(vector["text"].split())))


def check(page: Page, text: str) -> None:
    page.fill("#essay", text)
    page.get_by_role("button", name="Check for AI writing").click()


def wait_for_no_worker(page: Page) -> None:
    """Fails where one stays."""
    for _ in range(WAIT_MS // 100):
        if not page.workers:
            return
        page.wait_for_timeout(100)
    pytest.fail("a worker still runs")


def test_the_field_is_checked_and_the_answer_is_said(page: Page, golden: dict[str, Any]) -> None:
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("probability of AI")
    ((kind, probability, _),) = page.evaluate("events")
    assert kind == "detection"
    assert abs(probability - golden["probability"]) <= 1e-5
    meter = page.locator("ai-text-check meter")
    assert float(meter.evaluate("meter => meter.value")) == pytest.approx(probability)
    expect(meter).to_be_visible()


def test_nothing_is_downloaded_before_somebody_asks(page: Page) -> None:
    page.wait_for_function("!!customElements.get('ai-text-check')")
    assert page.workers == []
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("There is no text to check.")
    assert page.workers == []


def test_an_edited_text_has_no_answer_yet(page: Page, golden: dict[str, Any]) -> None:
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("probability of AI")
    page.locator("#essay").press("x")
    expect(page.get_by_role("status")).to_be_empty()
    expect(page.locator("ai-text-check meter")).to_be_hidden()


def test_an_element_that_is_removed_frees_its_detector(page: Page, golden: dict[str, Any]) -> None:
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("probability of AI")
    assert len(page.workers) == 1
    page.evaluate("window.kept = document.querySelector('ai-text-check'); kept.remove()")
    wait_for_no_worker(page)
    page.evaluate("document.querySelector('main').append(kept)")
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("probability of AI")


def test_a_failure_is_said_and_the_next_check_tries_again(
    page: Page, golden: dict[str, Any]
) -> None:
    page.evaluate("document.querySelector('ai-text-check').setAttribute('base-url', './nowhere/')")
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("could not be checked")
    assert page.evaluate("events.at(-1)") == ["detection-error", None, "fetch_failed"]
    page.evaluate("document.querySelector('ai-text-check').setAttribute('base-url', './detector/')")
    page.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("probability of AI")


def test_axe_finds_nothing_before_and_after_an_answer(
    page: Page, root: Path, golden: dict[str, Any]
) -> None:
    page.evaluate((root / "web_bundle/node_modules/axe-core/axe.min.js").read_text("utf-8"))
    found = "async () => (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.length])"
    assert page.evaluate(found) == []
    check(page, golden["text"])
    expect(page.get_by_role("status")).to_contain_text("probability of AI")
    assert page.evaluate(found) == []


def test_the_keyboard_is_enough(page: Page, golden: dict[str, Any]) -> None:
    page.fill("#essay", golden["text"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("probability of AI")
