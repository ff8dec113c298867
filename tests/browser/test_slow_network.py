"""A slow line, and one that breaks."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site
from tests.browser.test_download import WASM

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4
SHARES = """() => {
  window.shares = [];
  const bar = document.getElementById('loaded');
  new MutationObserver(() => window.shares.push(Number(bar.style.getPropertyValue('--loaded'))))
    .observe(bar, { attributes: true });
}"""


def throttle(page: Visit, bytes_per_second: float) -> None:
    session = page.page.context.new_cdp_session(page.page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 80,
            "downloadThroughput": bytes_per_second,
            "uploadThroughput": bytes_per_second,
        },
    )


def test_on_a_slow_line_the_page_can_be_used_and_says_how_far_it_is(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit("about:blank")
    throttle(page, 6e6)
    page.page.goto(site.url)
    page.page.evaluate(SHARES)
    page.page.fill("#text", TEXT)
    page.page.click("#check")
    expect(page.page.locator("html")).to_have_attribute("data-state", "loading")
    expect(page.page.locator("#count")).to_have_text("68 words")
    page.wait("done")
    shares = page.page.evaluate("window.shares")
    assert len(shares) > 3
    assert shares[-1] == 1


def test_a_line_that_breaks_for_good_is_an_error_that_loading_again_mends(
    visit: Callable[..., Visit], site: Site
) -> None:
    content = site.read(WASM)
    site.instead[WASM] = Answer(
        content, media_type="application/wasm", breaks_after=100_000, times=20
    )
    page = visit()
    page.wait("error")
    expect(page.page.locator("#error-code")).to_have_text("fetch_failed")
    del site.instead[WASM]
    page.page.click("#retry")
    page.wait("ready")
    page.check(TEXT)
