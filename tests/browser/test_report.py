"""The report in a real Chromium: it fits, it is readable in the dark, and it asks for nothing."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from export.report.page import render
from export.report.rows import report_rows
from registry import Artifact, FileStore
from tests.browser.conftest import RECORD_VIOLATIONS
from tests.export.artifacts import copied

WIDTHS_OF_TABLE = """
(() => {
  const table = document.querySelector('.wide');
  return [table.scrollWidth, table.clientWidth];
})()
"""


@pytest.fixture(scope="module")
def report(lexical_tiny: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an artifact, and of one with the longest name there can be."""
    folder = tmp_path_factory.mktemp("report")
    copied(lexical_tiny, folder / "artifacts")
    copied(lexical_tiny, folder / "artifacts", "long" + "-name" * 15)
    page = folder / "report.html"
    page.write_text(render(report_rows(FileStore(folder / "artifacts"))), "utf-8")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_report_fits_and_asks_for_nothing(
    browser: Browser, report: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.add_init_script(RECORD_VIOLATIONS)
    page.goto(report.as_uri())
    assert requests == [report.as_uri()]
    assert page.evaluate("window.violations") == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    inner, outer = page.evaluate(WIDTHS_OF_TABLE)
    assert inner <= outer
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert all(int(part) < 64 for part in re.findall(r"\d+", paper)[:3]) == (scheme == "dark")
    page.close()
