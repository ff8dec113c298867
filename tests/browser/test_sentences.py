"""Each sentence is shaded by its own probability, and what that is can be read without colour."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from registry import Artifact
from tests.browser.conftest import Visit

HUMAN = (
    "Took the early bus to Mum’s on Saturday because the trains were off again, and she’d already "
    "been up since five, digging out the leeks before the frost got them."
)
AI = (
    "Effective communication plays a crucial role in fostering a positive and productive workplace "
    "environment, ensuring that everyone is aligned with shared goals."
)
# Astral letters come first, so that places in UTF-16 units would be wrong.
TEXT = f"𝒳😀 {HUMAN}\n\n  {AI}  "
MARKS = """() => [...document.querySelectorAll('#marked mark')].map((mark) => {
  const line = getComputedStyle(mark);
  return {
    text: mark.textContent,
    tone: mark.dataset.tone,
    line: line.textDecorationStyle,
    shade: line.backgroundColor,
    said: mark.nextElementSibling.textContent,
  };
})"""
WHOLE = """() => {
  const copy = document.querySelector('#marked p').cloneNode(true);
  for (const share of copy.querySelectorAll('.share')) share.remove();
  return copy.textContent;
}"""


def judged(visit: Visit, text: str) -> list[dict[str, str]]:
    visit.check(text)
    visit.page.wait_for_selector("#marked mark")
    found: list[dict[str, str]] = visit.page.evaluate(MARKS)
    return found


def test_the_shaded_text_is_the_text_with_each_sentence_in_its_place(
    visit: Callable[..., Visit],
) -> None:
    page = visit()
    marks = judged(page, TEXT)
    assert page.page.evaluate(WHOLE) == TEXT
    assert [mark["text"].split(" ")[-1] for mark in marks] == ["them.", "goals."]


def test_sentences_differ_by_line_and_number_not_by_colour_alone(
    visit: Callable[..., Visit],
) -> None:
    page = visit()
    human, ai = judged(page, TEXT)
    assert (human["tone"], ai["tone"]) == ("human", "ai")
    assert (human["line"], ai["line"]) == ("dotted", "double")
    assert human["shade"] != ai["shade"]
    assert human["said"].endswith("% likely human")
    assert ai["said"].endswith("% likely AI")


def test_the_legend_names_every_line_with_its_probabilities(
    visit: Callable[..., Visit], lexical_tiny: Artifact
) -> None:
    page = visit()
    page.wait("ready")
    decision = lexical_tiny.manifest.decision
    assert decision.uncertain_from is not None
    low, high = f"{decision.uncertain_from:.1%}", f"{decision.threshold:.1%}"
    expect(page.page.locator(".legend li")).to_have_text(
        [f"likely human below {low}", f"uncertain {low} to {high}", f"likely AI from {high}"]
    )


def test_a_long_text_scrolls_and_can_be_shown_whole(visit: Callable[..., Visit]) -> None:
    page = visit()
    button = page.page.locator("#unfold")
    expect(button).to_be_hidden()
    judged(page, f"{HUMAN} {AI} " * 20)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    box = page.page.locator("#marked")
    assert box.evaluate("(box) => box.scrollHeight - box.clientHeight") == 0


@pytest.mark.parametrize(
    ("text", "tone"), [("Far too short to say.", "unsure"), (HUMAN, "human"), (f"{AI} {AI}", "ai")]
)
def test_the_verdict_has_the_tone_that_the_warnings_allow(
    visit: Callable[..., Visit], text: str, tone: str
) -> None:
    page = visit()
    page.check(text)
    expect(page.page.locator("#result")).to_have_attribute("data-decision", tone)
