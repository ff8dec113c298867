"""Visits of one Chromium: the first, the second, and pages that stay."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.suites.web.line import Tally
from benchmarks.suites.web.site import Site
from benchmarks.suites.web.subjects import Subject

VISIT_MS = 300_000
# Both libraries go on writing into Cache Storage after their first answer.
KEPT = """async () => {
  const kept = async () => {
    let entries = 0;
    for (const name of await caches.keys()) {
      entries += (await (await caches.open(name)).keys()).length;
    }
    return entries;
  };
  for (let before = -1, now = await kept(); now !== before; before = now, now = await kept()) {
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}"""


class VisitError(Exception):
    """A page that could not answer, and what it said."""


@dataclass(frozen=True)
class Visit:
    """Milliseconds from the navigation to the first answer, which answer, and what it fetched."""

    milliseconds: float
    probability: float
    fetched: Tally


@dataclass(frozen=True)
class Chromium:
    """A browser, and the site that it visits."""

    browser: Browser
    site: Site

    def visit_twice(self, subject: Subject, text: str) -> tuple[Visit, Visit]:
        """By a browser that has never been there, then with what the first visit left in caches.

        Raises VisitError, and Playwright's TimeoutError.
        """
        context = self.browser.new_context()
        try:
            first, second = self._visit(context, subject, text), self._visit(context, subject, text)
        finally:
            context.close()
        return first, second

    def _visit(self, context: BrowserContext, subject: Subject, text: str) -> Visit:
        before = self.site.line.tally
        page = context.new_page()
        page.goto(self._address(subject, text=text), timeout=VISIT_MS)
        found = _wait_for(page, "window.visit")
        page.evaluate(KEPT)
        fetched = self.site.line.tally.since(before)
        page.close()
        return Visit(found["ms"], found["probability"], fetched)

    @contextmanager
    def page(self, subject: Subject) -> Iterator[Page]:
        """The subject's page, which waits for what scripts ask of it."""
        context = self.browser.new_context()
        try:
            page = context.new_page()
            page.goto(self._address(subject))
            _wait_for(page, "window.visit ?? (window.create && {})")
            yield page
        finally:
            context.close()

    def warm(self, subject: Subject, thread: str, samples: int) -> list[float]:
        """Milliseconds of predictions by a detector in that thread."""
        with self.page(subject) as page:
            asked = [subject.text, thread, samples, subject.together]
            found: list[float] = page.evaluate(_script("warm"), asked)
        return found

    def cycle(self, page: Page, subject: Subject, times: int) -> None:
        """Makes a detector, asks it and disposes of it, that many times."""
        page.evaluate(_script("cycles"), [subject.text, times])

    def held_bytes(self, page: Page) -> int:
        """What the page's process alone holds, once all garbage is collected."""
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        session.detach()
        found = self.browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        pids = [one["id"] for one in found["processInfo"] if one["type"] == "renderer"]
        # Chromium's other renderers are spare ones.
        return max(int(psutil.Process(pid).memory_full_info().uss) for pid in pids)

    def _address(self, subject: Subject, **query: str) -> str:
        return f"{self.site.url}{subject.page}?{urlencode({'model': subject.model_id, **query})}"


def _wait_for(page: Page, expression: str) -> dict[str, Any]:
    page.wait_for_function(expression, timeout=VISIT_MS)
    found: dict[str, Any] = page.evaluate(expression)
    if "failure" in found:
        raise VisitError(found["failure"])
    return found


def _script(name: str) -> str:
    return Path(__file__).with_name(f"{name}.page.js").read_text("utf-8")


@contextmanager
def chromium(site: Site) -> Iterator[Chromium]:
    """A Chromium without a window. Its own for each thread that asks."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        try:
            yield Chromium(browser, site)
        finally:
            browser.close()
