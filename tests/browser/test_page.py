"""A person pastes a text and gets an answer."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from registry import Artifact
from tests.browser.conftest import Visit
from tests.browser.site import Site

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4


def in_node(root: Path, artifact: Artifact, text: str) -> float:
    completed = subprocess.run(
        ["node", "parity/run.mjs", "--artifact", str(artifact.folder)],
        cwd=root / "web_bundle",
        input=json.dumps({"text": text}) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    _, answer = completed.stdout.splitlines()
    return float(json.loads(answer)["probability"])


def focused(visit: Visit) -> str:
    name: str = visit.page.evaluate(
        "(({ dataset, id, hash }) => dataset.example ?? (id || hash))(document.activeElement)"
    )
    return name


def test_a_pasted_text_gets_the_answer_that_node_gives(
    visit: Callable[..., Visit], lexical_tiny: Artifact, root: Path
) -> None:
    page = visit()
    page.wait("ready")
    assert page.check(TEXT) == in_node(root, lexical_tiny, TEXT)

    result = page.page.locator("#result")
    assert result.get_attribute("data-artifact-digest") == lexical_tiny.manifest.digest
    assert result.get_attribute("data-model-sha256") == lexical_tiny.manifest.model.sha256
    expect(page.page.locator("#model")).to_have_text(
        f"lexical-tiny {lexical_tiny.manifest.version}"
    )
    assert re.fullmatch(r"\d+(\.\d)? ms", page.page.locator("#time").inner_text())
    assert "this browser" in page.page.locator("#place").inner_text()


def test_the_page_neither_complains_nor_breaks_its_policy(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    page.check(TEXT)
    assert page.complaints == []
    assert page.violations == []


@pytest.mark.parametrize(
    ("example", "decision"), [("human", "Likely human-written"), ("ai", "Likely AI-written")]
)
def test_an_example_is_filled_in_and_judged(
    visit: Callable[..., Visit], example: str, decision: str
) -> None:
    page = visit()
    page.page.click(f"[data-example={example}]")
    page.wait("done")
    assert len(page.page.locator("#text").input_value().split()) > 50
    expect(page.page.locator("#decision")).to_have_text(decision)
    expect(page.page.locator("#status")).to_contain_text(decision)


def test_the_keyboard_is_enough(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    order = []
    for _ in range(9):
        page.page.keyboard.press("Tab")
        order.append(focused(page))
    views = ["#one-text", "#compare", "#files"]
    assert order == [*views, "choose-model", "choose-mode", "human", "ai", "text", "check"]
    page.page.keyboard.press("Shift+Tab")
    page.page.keyboard.type("Typed by hand, with care.")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    page.wait("done")
    assert 0 <= page.probability <= 1


def test_focus_is_visible(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.page.keyboard.press("Tab")
    style = page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"


def test_words_are_counted_while_typing_and_few_get_a_warning(
    visit: Callable[..., Visit], lexical_tiny: Artifact
) -> None:
    page = visit()
    page.wait("ready")
    page.page.locator("#text").press_sequentially("one two three")
    expect(page.page.locator("#count")).to_have_text("3 words")
    least = lexical_tiny.manifest.decision.min_words
    expect(page.page.locator("#advice")).to_contain_text(f"below {least} words")
    page.page.locator("#text").fill("word " * 60)
    expect(page.page.locator("#count")).to_have_text("60 words")
    expect(page.page.locator("#advice")).to_be_empty()


def test_an_empty_text_gets_a_hint_and_no_number(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    page.page.locator("#text").fill(" \n ")
    page.page.click("#check")
    expect(page.page.locator("#status")).to_have_text("Paste or type a text first.")
    expect(page.page.locator("html")).to_have_attribute("data-state", "ready")
    expect(page.page.locator("#text")).to_be_focused()
    assert page.page.locator("#probability").get_attribute("value") == ""


def test_an_edited_text_greys_the_earlier_answer(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.check(TEXT)
    page.page.locator("#text").press("x")
    expect(page.page.locator("#result")).to_have_attribute("data-stale", "")
    page.check(TEXT)
    expect(page.page.locator("#result")).not_to_have_attribute("data-stale", "")


def test_the_decision_line_and_the_band_stand_where_the_numbers_say(
    visit: Callable[..., Visit], lexical_tiny: Artifact
) -> None:
    page = visit(reduced_motion="reduce")
    page.page.click("[data-example=ai]")
    page.wait("done")
    track = page.page.locator(".track").bounding_box()
    decision = lexical_tiny.manifest.decision
    places = {".line:not(.lower)": decision.threshold, ".line.lower": decision.uncertain_from}
    for name, expected in places.items():
        line = page.page.locator(name).bounding_box()
        assert track
        assert line
        at = (line["x"] + line["width"] / 2 - track["x"]) / track["width"]
        assert at == pytest.approx(expected, abs=0.01)
    expect(page.page.locator("#scale")).to_have_attribute("aria-label", re.compile("uncertain"))


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_overflows_and_nothing_jumps(visit: Callable[..., Visit], width: int) -> None:
    page = visit(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.wait("ready")
    before = page.page.locator("#result").bounding_box()
    scrolled = page.page.evaluate("scrollY")
    for example in ("human", "ai"):
        page.page.click(f"[data-example={example}]")
        page.wait("done")
    after = page.page.locator("#result").bounding_box()
    assert before
    assert after
    assert after["height"] == pytest.approx(before["height"], abs=1)
    moved = page.page.evaluate("scrollY") - scrolled
    assert after["y"] + moved == pytest.approx(before["y"], abs=1)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.page.evaluate(overflow) == 0


@pytest.mark.parametrize(("scheme", "light"), [("light", True), ("dark", False)])
def test_the_colours_follow_the_scheme(
    visit: Callable[..., Visit], scheme: str, light: bool
) -> None:
    page = visit(color_scheme=scheme)
    style = "getComputedStyle(document.body)"
    paper, ink = page.page.evaluate(f"[{style}.backgroundColor, {style}.color]")
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) is light


def test_a_text_checked_before_the_model_has_arrived_is_judged_when_it_has(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit()
    page.page.click("[data-example=human]")
    page.wait("done")
    assert page.probability >= 0
