"""The built page in a real Chromium."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.live_server import live_server
from tests.browser.site import Site, serve

WAIT_MS = 20_000
# Runtime and graph are there, and nothing is being written any more.
BOTH_CACHED = "async () => (await (await caches.open('samegraph-files')).keys()).length === 2"
RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    if (hadRecentInput) continue;
    const moved = sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
    window.shifts.push([value, moved.join()]);
  }
}).observe({ type: 'layout-shift', buffered: true });
"""


@dataclass
class Visit:
    """An open page, and what it complained about and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def wait(self, state: str) -> None:
        self.page.wait_for_selector(f"html[data-state={state}]")

    def check(self, text: str) -> float:
        """Types the text, asks by the keyboard, and reads the exact number."""
        self.page.locator("#text").fill(text)
        self.page.locator("#text").press("Control+Enter")
        self.wait("done")
        return self.probability

    @property
    def probability(self) -> float:
        return float(self.page.locator("#probability").get_attribute("value") or "nan")

    def show(self, view: str) -> None:
        self.page.click(f".views a[href='#{view}']")

    def choose(self, mode: str) -> None:
        """Where texts are to be judged."""
        self.page.select_option("#choose-mode", mode)
        self.wait("ready")

    def wait_until_kept(self) -> None:
        """Until the page would work without a network: its files, and those of the library."""
        self.page.evaluate("navigator.serviceWorker.ready")
        self.page.wait_for_function(BOTH_CACHED)

    @property
    def shifts(self) -> list[list[object]]:
        """What moved without having been asked to, and by how much (CLS)."""
        found: list[list[object]] = self.page.evaluate("window.shifts")
        return found

    @property
    def violations(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.violations")
        return found


@pytest.fixture(scope="session")
def static_folder(root: Path) -> Path:
    folder = root / "web_bundle" / "dist" / "static"
    if not (folder / "index.html").is_file():
        pytest.fail(f"{folder} is not built: run `make web`")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium: `python -m benchmarks.chromium` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """Of a real server, which hands out the page at /demo/."""
    with live_server() as url:
        yield url


@pytest.fixture
def site(static_folder: Path) -> Iterator[Site]:
    with serve(static_folder) as site:
        yield site


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Visit]]:
    """Opens the page, or another; keyword arguments are those of a browser context."""
    contexts: list[BrowserContext] = []

    def opened(url: str = site.url, **options: object) -> Visit:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(RECORD_VIOLATIONS)
        visit = Visit(context.new_page())
        context.on("request", lambda request: visit.requests.append(request.url))
        context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
        context.on("console", lambda message: record_complaint(visit, message))
        visit.page.goto(url)
        return visit

    yield opened
    for context in contexts:
        context.close()


def record_complaint(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        visit.complaints.append(message.text)
