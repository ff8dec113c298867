"""The same text on every backend, side by side."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

COMPARED = """() => {
  const verdict = document.getElementById('agreement').textContent;
  return !['Not compared yet', 'Running …'].includes(verdict);
}"""
TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4


def compared(page: Visit) -> None:
    page.wait("ready")
    page.show("compare")
    page.page.fill("#text", TEXT)
    page.page.click("#check")
    page.page.wait_for_function(COMPARED)


def cell(page: Visit, row: int, column: int) -> str:
    return page.page.locator(
        f"#comparison tbody tr:nth-child({row}) > :nth-child({column})"
    ).inner_text()


def test_browser_and_server_agree_and_it_is_said_by_how_much(
    visit: Callable[..., Visit], server_url: str
) -> None:
    page = visit(f"{server_url}/demo/")
    compared(page)
    expect(page.page.locator("#agreement")).to_have_text("2 backends agree")
    values = page.page.locator("#comparison data").evaluate_all("(all) => all.map((d) => d.value)")
    first, second = map(float, values)
    assert first == pytest.approx(second, abs=1e-5)
    expect(page.page.locator("#agreement-detail")).to_contain_text("same artifact")
    assert cell(page, 2, 3) == "0" or "10⁻" in cell(page, 2, 3)
    assert "ms" in cell(page, 1, 4)
    assert "ms" in cell(page, 2, 4)


def test_a_backend_that_cannot_be_asked_says_why(
    visit: Callable[..., Visit], server_url: str
) -> None:
    page = visit(f"{server_url}/demo/")
    compared(page)
    assert "not configured" in cell(page, 3, 1)


def test_numbers_that_differ_are_not_called_equal(
    visit: Callable[..., Visit], server_url: str
) -> None:
    page = visit(f"{server_url}/demo/")

    def another(route: object) -> None:
        response = route.fetch()  # type: ignore[attr-defined]
        answer = response.json()
        answer["probability"] += 0.001
        route.fulfill(response=response, json=answer)  # type: ignore[attr-defined]

    page.page.route("**/predict", another)
    compared(page)
    expect(page.page.locator("#agreement")).to_have_text("The backends differ")
    expect(page.page.locator("#agreement-detail")).to_contain_text("10⁻³")


def test_that_a_comparison_sends_the_text_is_said_before_it_does(
    visit: Callable[..., Visit], server_url: str
) -> None:
    page = visit(f"{server_url}/demo/")
    page.page.wait_for_selector("#choose-mode option[value=only_server]:enabled", state="attached")
    promise = page.page.locator("#promise")
    expect(promise).to_have_text("Your text stays in this browser")
    page.show("compare")
    expect(promise).to_contain_text("Your text is sent to 127.0.0.1")
    page.show("files")
    expect(promise).to_have_text("Your text stays in this browser")


def test_a_page_without_a_server_has_nothing_to_compare_with(visit: Callable[..., Visit]) -> None:
    page = visit()
    compared(page)
    expect(page.page.locator("#agreement")).to_have_text("Nothing to compare with")
    assert (page.violations, page.complaints) == ([], [])
