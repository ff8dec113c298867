"""The text stays in the browser."""

from collections.abc import Callable

from tests.browser.conftest import Visit
from tests.browser.site import PREFIX, Site, serve

SERVICE_WORKER = f"{PREFIX}service_worker.js"
MARK = "xylophone-marmalade-42"
TEXT = f"Between us: {MARK}. Keep it to yourself. " * 10


def test_after_loading_the_page_asks_nobody_for_anything(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit()
    page.wait("ready")
    page.wait_until_kept()
    asked, received = len(page.requests), len(site.received)
    page.check(TEXT)
    page.page.wait_for_timeout(300)
    assert page.requests[asked:] == []
    # The browser itself asks now and then whether there is a new version of the page.
    others = [request for request in site.received[received:] if request.path != SERVICE_WORKER]
    assert others == []


def test_no_request_leaves_the_origin_or_carries_the_text(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit()
    page.check(TEXT)
    assert len(page.requests) >= 6
    assert [url for url in page.requests if not url.startswith(site.url)] == []
    assert [request.path for request in site.received if request.carries(MARK)] == []
    assert all(request.path.startswith(PREFIX) and not request.body for request in site.received)


def test_the_page_could_not_talk_to_another_host_if_it_wanted(
    visit: Callable[..., Visit], site: Site
) -> None:
    page = visit()
    page.wait("ready")
    with serve(site.folder) as elsewhere:
        attempt = "(url) => fetch(url, { mode: 'no-cors' }).then(() => 'sent', () => 'refused')"
        assert page.page.evaluate(attempt, elsewhere.url) == "refused"
        assert elsewhere.received == []
    assert {violation.split()[0] for violation in page.violations} == {"connect-src"}


def test_nothing_is_stored(visit: Callable[..., Visit]) -> None:
    page = visit()
    page.check(TEXT)
    assert page.page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.page.evaluate("document.cookie") == ""
    page.page.reload()
    page.wait("ready")
    assert page.page.locator("#text").input_value() == ""
