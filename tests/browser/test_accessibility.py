"""The page for those who see little, do not use a mouse, or want nothing to move."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4
AXE = """async () => {
  const { violations } = await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}"""
MOVING = """() => document.getAnimations().map(({ animationName, transitionProperty }) =>
  animationName ?? transitionProperty)"""


@pytest.fixture(scope="module")
def axe(root: Path) -> str:
    return (root / "web_bundle/node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_on_any_view(
    visit: Callable[..., Visit], axe: str, scheme: str, width: int
) -> None:
    page = visit(
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page.wait("ready")
    page.page.evaluate(axe)
    assert page.page.evaluate(AXE) == []
    page.check(TEXT)
    page.page.wait_for_selector("#marked mark")
    assert page.page.evaluate(AXE) == []
    page.show("compare")
    page.page.click("#check")
    page.page.wait_for_selector("#comparison data")
    assert page.page.evaluate(AXE) == []
    page.show("files")
    file = {"name": "a.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.page.set_input_files("#batch-files", [file])
    page.page.click("#batch-run")
    page.page.wait_for_selector("#batch data")
    assert page.page.evaluate(AXE) == []


def test_axe_finds_nothing_where_something_failed(
    visit: Callable[..., Visit], site: Site, axe: str
) -> None:
    site.instead["models/index.json"] = Answer(b"", 503)
    page = visit(bypass_csp=True)
    page.wait("error")
    page.page.evaluate(axe)
    assert page.page.evaluate(AXE) == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_moves_that_was_not_asked_to(
    visit: Callable[..., Visit], site: Site, width: int
) -> None:
    page = visit("about:blank", viewport={"width": width, "height": 900})
    slow = page.page.context.new_cdp_session(page.page)
    slow.send("Network.enable")
    conditions = {
        "offline": False,
        "latency": 150,
        "downloadThroughput": 8e6,
        "uploadThroughput": 1e6,
    }
    slow.send("Network.emulateNetworkConditions", conditions)
    page.page.goto(site.url)
    page.page.click("[data-example=ai]")
    page.wait("done")
    page.page.wait_for_selector("#marked mark")
    for view, done in (("compare", "#comparison tbody"), ("files", "#batch-run")):
        page.show(view)
        page.page.wait_for_selector(done)
        page.page.wait_for_timeout(600)
    assert page.shifts == []


@pytest.mark.parametrize("view", ["compare", "files"])
def test_a_link_to_a_view_opens_it_without_a_jump(
    visit: Callable[..., Visit], site: Site, view: str
) -> None:
    page = visit(f"{site.url}#{view}")
    page.wait("ready")
    page.page.wait_for_selector(f".views a[href='#{view}'][aria-current=page]")
    page.page.wait_for_selector("#batch-run, #comparison tbody tr")
    page.page.wait_for_timeout(300)
    assert sum(float(str(value)) for value, _ in page.shifts) < 0.01


def test_every_view_works_by_keyboard_alone(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.wait("ready")
    keys = page.page.keyboard
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    page.page.locator("#text").focus()
    keys.type("A text that is typed, with care, by somebody who has no mouse at all today.")
    keys.press("Control+Enter")
    expect(page.page.locator("#agreement")).to_have_text("Nothing to compare with")
    page.page.locator(".views a[href='#files']").focus()
    keys.press("Enter")
    page.page.wait_for_selector("#batch-run")
    page.page.locator("#choose-mode").focus()
    keys.press("Tab")
    expect(page.page.locator("#batch-files")).to_be_focused()
    assert (
        page.page.locator(".drop").evaluate("(drop) => getComputedStyle(drop).outlineStyle")
        == "solid"
    )


def test_what_changes_is_said_aloud(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.check(TEXT)
    said = page.page.get_by_role("status").filter(visible=True)
    expect(said).to_have_text(
        [
            r"Likely human-written: "
            + page.page.locator("#probability").inner_text()
            + " probability of AI."
        ]
    )
    page.show("compare")
    page.page.click("#check")
    expect(
        page.page.get_by_role("status").filter(has_text="Nothing to compare with")
    ).to_be_visible()


def test_nothing_moves_for_those_who_asked_for_stillness(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit(reduced_motion="reduce")
    page.check(TEXT)
    assert page.page.evaluate(MOVING) == []
    assert (
        page.page.evaluate("getComputedStyle(document.querySelector('.fill')).transitionDuration")
        == "0s"
    )


def test_colours_that_are_forced_leave_the_scale_and_the_lines(visit: Callable[..., Visit]) -> None:
    page = visit(forced_colors="active")
    page.check(TEXT)
    page.page.wait_for_selector("#marked mark")
    line = page.page.locator("#marked mark").first.evaluate(
        "(mark) => getComputedStyle(mark).textDecorationLine"
    )
    assert line == "underline"
