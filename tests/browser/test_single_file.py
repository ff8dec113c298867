"""single.html: the page as one file, from the disk."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from registry import Artifact
from tests.browser.conftest import Visit
from tests.browser.test_page import in_node

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4


def test_it_answers_from_the_disk_and_asks_nobody(
    visit: Callable[..., Visit], static_folder: Path, lexical_tiny: Artifact, root: Path
) -> None:
    page = visit((static_folder / "single.html").as_uri())
    page.wait("ready")
    assert page.check(TEXT) == in_node(root, lexical_tiny, TEXT)
    page.page.wait_for_selector("#marked mark")
    digest = page.page.locator("#result").get_attribute("data-artifact-digest")
    assert digest == lexical_tiny.manifest.digest
    for view, part in (("compare", "#comparison table"), ("files", "#batch-run")):
        page.show(view)
        page.page.wait_for_selector(part)
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "blob", "data"}
    assert (page.violations, page.complaints) == ([], [])


def test_a_model_that_was_exchanged_in_it_is_refused(
    visit: Callable[..., Visit], static_folder: Path, tmp_path: Path
) -> None:
    html = (static_folder / "single.html").read_text("utf-8")
    found = re.search(r'"models/[^"]+/model\.onnx":"([^"]+)"', html)
    worker = re.search(r'"worker\.js":"([^"]+)"', html)
    assert found
    assert worker
    (tmp_path / "single.html").write_text(html.replace(found[1], worker[1]), "utf-8")
    page = visit((tmp_path / "single.html").as_uri())
    page.wait("error")
    expect(page.page.locator("#error-code")).to_have_text("digest_mismatch")


@pytest.mark.parametrize("tag", ["style", 'script type="module"'])
def test_what_was_added_to_it_does_not_run(
    visit: Callable[..., Visit], static_folder: Path, tmp_path: Path, tag: str
) -> None:
    html = (static_folder / "single.html").read_text("utf-8")
    added = html.replace(f"<{tag}>", f"<{tag}>/* added */", 1)
    assert added != html
    (tmp_path / "single.html").write_text(added, "utf-8")
    page = visit((tmp_path / "single.html").as_uri())
    page.page.wait_for_timeout(300)
    assert page.violations != []
