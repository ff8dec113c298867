"""Visits of one Chromium: first ones, each with empty caches, and warm predictions."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium

VISIT_MS = 120_000


@dataclass
class Visited:
    """One way to a first answer: milliseconds since the navigation began, visit by visit."""

    name: str
    page: str
    milliseconds: list[float] = field(default_factory=list)
    probability: float = float("nan")

    @property
    def median(self) -> float:
        """Median, ms."""
        return statistics.median(self.milliseconds)

    def ratio_to(self, other: "Visited") -> float:
        """Median of the ratios of visits that took turns."""
        pairs = zip(self.milliseconds, other.milliseconds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


@dataclass(frozen=True)
class Chromium:
    """A browser, and where the site is."""

    browser: Browser
    url: str

    @property
    def version(self) -> str:
        """Its version."""
        return self.browser.version

    def first_visit(self, visited: Visited, text: str) -> None:
        """One more visit by a browser that has never been there."""
        context = self.browser.new_context()
        page = context.new_page()
        separator = "&" if "?" in visited.page else "?"
        page.goto(f"{self.url}{visited.page}{separator}{urlencode({'text': text})}")
        page.wait_for_function("window.visit", timeout=VISIT_MS)
        found = page.evaluate("window.visit")
        context.close()
        visited.milliseconds.append(found["ms"])
        visited.probability = found["probability"]

    def warm(self, model: str, text: str, thread: str, predictions: int) -> list[float]:
        """Milliseconds of predictions by a detector in that thread."""
        script = Path(__file__).with_name("warm.page.js").read_text("utf-8")
        page = self.browser.new_page()
        page.goto(f"{self.url}models/{model}/manifest.json")
        # The script is relative to the site, as on a page of it.
        script = script.replace("'./", f"'{self.url}").replace("`./", f"`{self.url}")
        found: list[float] = page.evaluate(script, [model, text, thread, predictions])
        page.close()
        return found


def take_turns(chromium: Chromium, ways: Sequence[Visited], text: str, rounds: int) -> None:
    """Every way once a round, so that noise falls on all alike; one round before does not count."""
    for way in ways:
        chromium.first_visit(way, text)
        way.milliseconds.clear()
    for n in range(rounds):
        for way in ways if n % 2 == 0 else list(reversed(ways)):
            chromium.first_visit(way, text)


@contextmanager
def chromium(url: str) -> Iterator[Chromium]:
    """A Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield Chromium(browser, url)
        browser.close()
