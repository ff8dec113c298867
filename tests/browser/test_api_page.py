"""/docs of a real server, in a real Chromium that reaches nothing else."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route

from registry.store import DEFAULT_ROOT
from runtime_server.app import create_app
from runtime_server.settings import Settings
from tests.browser.conftest import RECORD_VIOLATIONS, WAIT_MS, Visit, record_complaint
from tests.server.conftest import listening


@pytest.fixture
def docs(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    settings = Settings(_env_file=None, registry_root=DEFAULT_ROOT, demo_root=tmp_path)
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(RECORD_VIOLATIONS)
    visit = Visit(context.new_page())
    with listening(create_app(settings)) as client:

        def only_this_server(route: Route) -> None:
            url = route.request.url
            visit.requests.append(url)
            own = urlsplit(url).netloc == client.base_url.netloc.decode()
            route.continue_() if own else route.abort()

        context.route("**/*", only_this_server)
        context.on("weberror", lambda error: visit.complaints.append(str(error.error)))
        context.on("console", lambda message: record_complaint(visit, message))
        visit.page.goto(f"{client.base_url}/docs")
        yield visit
        context.close()


def test_the_api_page_needs_this_server_only_and_its_strict_policy(docs: Visit) -> None:
    docs.page.get_by_text("/batch-predict").wait_for()
    assert [urlsplit(url).path for url in docs.requests] == [
        "/docs",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
        "/docs/start.js",
        "/openapi.json",
    ]
    assert len({urlsplit(url).netloc for url in docs.requests}) == 1
    assert (docs.violations, docs.complaints) == ([], [])


def test_the_example_on_the_api_page_can_be_tried_and_is_answered(docs: Visit) -> None:
    docs.page.get_by_text("/predict", exact=True).click()
    docs.page.get_by_role("button", name="Try it out").click()
    docs.page.get_by_role("button", name="Execute").click()
    answer = docs.page.locator(".live-responses-table tbody")
    answer.wait_for()
    assert "200" in answer.inner_text()
    assert '"probability"' in answer.inner_text()
    assert (docs.violations, docs.complaints) == ([], [])
