"""The library in Chromium, on WebAssembly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.suites.tiers import web
from benchmarks.suites.tiers.memory import named_below
from benchmarks.suites.tiers.place import PlaceError
from registry import Artifact


@dataclass(frozen=True)
class Chromium:
    """One page, one worker, one thread."""

    name: str = "Chromium"

    @property
    def told(self) -> str:
        """See Place."""
        program = find_chromium()
        return f"{web.version_of(program) if program else ''}, {web.TOLD}"

    def missing(self) -> str | None:
        """It needs a browser and the library."""
        if find_chromium() is None:
            return "no Chromium: python -m benchmarks.chromium installs one"
        return web.missing()

    def why_not(self, artifact: Artifact) -> str | None:
        """As the manifest says."""
        return web.why_not(artifact)

    def download_bytes(self, artifact: Artifact) -> int | None:
        """At a first visit."""
        return web.first_visit_bytes(artifact)

    @contextmanager
    def open(self, artifact: Artifact, text: str, within_s: float) -> Iterator[web.Scripted]:
        """A browser of its own."""
        with web.site(artifact) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_chromium(), args=list(ARGUMENTS)
            )
            try:
                yield _visited(browser, web.page_address(url, artifact, text), within_s)
            finally:
                browser.close()


def _visited(browser: Browser, address: str, within_s: float) -> web.Scripted:
    context: BrowserContext = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("window.tier", timeout=within_s * 1e3)
    found = page.evaluate("window.tier.error ?? window.tier.firstMs")
    if isinstance(found, str):
        raise PlaceError(found)

    def call(name: str, *order: object) -> Any:  # noqa: ANN401 (what the script says)
        return page.evaluate("([name, ...order]) => window.tier[name](...order)", [name, *order])

    return web.Scripted(found, call, lambda: named_below("chrom"))
