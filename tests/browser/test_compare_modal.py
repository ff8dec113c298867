"""Three backends: this browser, the server, and Modal, whose machines are this one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from registry import Artifact
from tests.browser.conftest import Visit
from tests.browser.test_compare import compared
from tests.modal_backend.asking import serving
from tests.modal_backend.conftest import deployed


@pytest.fixture(scope="module")
def url(static_folder: Path, lexical_tiny: Artifact) -> Iterator[str]:
    model = lexical_tiny.manifest.reference
    with deployed(model), serving(demo_root=static_folder, available_models=(model,)) as client:
        yield str(client.base_url)


def test_browser_server_and_modal_agree(visit: Callable[..., Visit], url: str) -> None:
    page = visit(f"{url}/demo/")
    compared(page)
    expect(page.page.locator("#agreement")).to_have_text("3 backends agree")
    rows = page.page.locator("#comparison tbody tr")
    backends = rows.evaluate_all("(rows) => rows.map((row) => row.dataset.backend)")
    assert backends == ["client_side", "local", "modal"]
    values = page.page.locator("#comparison data").evaluate_all("(all) => all.map((d) => d.value)")
    numbers = [float(value) for value in values]
    assert max(numbers) - min(numbers) <= 1e-5
