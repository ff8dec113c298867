"""The page stays when the network goes, and a new version of it comes whole."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site, serve

TEXT = "Rain again, so we stayed in and mended the kite. Nobody said much, and that was fine. " * 4
KEPT = "async () => (await caches.keys()).filter((name) => name.startsWith('samegraph-page'))"
UPDATED = """async (count) => {
  const registration = await navigator.serviceWorker.ready;
  await registration.update();
  while ((await caches.keys()).filter((name) => name.startsWith('samegraph-page')).length < count)
    await new Promise((resolve) => setTimeout(resolve, 50));
  while (registration.installing || registration.waiting)
    await new Promise((resolve) => setTimeout(resolve, 50));
}"""


@pytest.fixture
def hosted(static_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """A copy of the page whose files a test may replace."""
    with serve(shutil.copytree(static_folder, tmp_path / "page")) as site:
        yield site


@pytest.fixture(scope="module")
def next_version(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page as built from sources that say something else."""
    web = tmp_path_factory.mktemp("next") / "web_bundle"
    shutil.copytree(
        root / "web_bundle", web, ignore=shutil.ignore_patterns("node_modules", "dist*")
    )
    (web / "node_modules").symlink_to(root / "web_bundle" / "node_modules")
    for name, before, after in (
        ("static/index.html", "Did a person write this?</h1>", "Version B</h1>"),
        ("src/page/wording.ts", "'Checking", "'Version B is checking"),
        ("src/page/compare/view.ts", "'Not compared yet'", "'Version B has not compared'"),
    ):
        path = web / name
        content = path.read_text("utf-8")
        path.write_text(content.replace(before, after), "utf-8")
    artifacts = root / "registry" / "artifacts"
    subprocess.run(
        ["node", "build.mjs", "--artifacts", str(artifacts)],
        cwd=web,
        check=True,
        capture_output=True,
    )
    return web / "dist" / "static"


def publish(version: Path, site: Site) -> None:
    """As a host does that replaces a folder: the earlier version's files are gone."""
    shutil.rmtree(site.folder)
    shutil.copytree(version, site.folder)


def test_after_the_first_visit_the_page_works_without_a_network(
    visit: Callable[..., Visit],
) -> None:
    page = visit()
    online = page.check(TEXT)
    page.wait_until_kept()
    page.page.context.set_offline(True)
    page.page.reload()
    page.wait("ready")
    assert page.check(TEXT) == online
    page.show("compare")
    page.page.wait_for_selector("#comparison table")
    page.show("files")
    page.page.wait_for_selector("#batch-run")


def test_a_host_that_is_gone_is_no_obstacle_either(visit: Callable[..., Visit], site: Site) -> None:
    page = visit()
    page.wait("ready")
    page.wait_until_kept()
    for path in site.folder.rglob("*"):
        if path.is_file():
            site.instead[path.relative_to(site.folder).as_posix()] = Answer(b"", 503)
    site.instead[""] = Answer(b"", 503)
    page.page.reload()
    page.wait("ready")


def test_a_new_version_is_there_at_the_next_load_and_an_open_tab_goes_on(
    visit: Callable[..., Visit], hosted: Site, next_version: Path
) -> None:
    first = visit(hosted.url)
    first.wait("ready")
    first.wait_until_kept()
    publish(next_version, hosted)
    second = Visit(first.page.context.new_page())
    second.page.goto(hosted.url)
    second.wait("ready")
    expect(second.page.locator("h1")).to_have_text("Version B")
    second.page.evaluate(UPDATED, 2)

    # The first tab has not loaded this script yet, and gets that of its own version.
    first.show("compare")
    expect(first.page.locator("#agreement")).to_have_text("Not compared yet")
    first.show("one-text")
    first.page.select_option("#choose-model", index=0)
    first.check(TEXT)
    second.show("compare")
    expect(second.page.locator("#agreement")).to_have_text("Version B has not compared")

    first.page.context.set_offline(True)
    for tab in (first, second):
        tab.page.reload()
        tab.wait("ready")
        expect(tab.page.locator("h1")).to_have_text("Version B")
    assert first.page.evaluate("window.violations") == []


def test_versions_that_nobody_uses_are_thrown_away(
    visit: Callable[..., Visit], hosted: Site, static_folder: Path, next_version: Path
) -> None:
    page = visit(hosted.url)
    page.wait("ready")
    page.wait_until_kept()
    for n in range(3):
        worker = hosted.folder / "service_worker.js"
        content = worker.read_text("utf-8")
        worker.write_text(re.sub(r'"([0-9a-f]{12})"', f'"{n}23456789abc"', content), "utf-8")
        page.page.evaluate(UPDATED, min(n + 1, 2))
        page.page.wait_for_function(
            f"async () => (await caches.keys()).some((name) => name.endsWith(' {n}23456789abc'))"
        )
    page.page.wait_for_function(f"async () => (await ({KEPT})()).length === 2")


def test_a_file_that_was_changed_on_the_way_is_not_kept(
    visit: Callable[..., Visit], site: Site
) -> None:
    script = site.script("worker.js")
    site.instead[script] = Answer(site.read(script) + b"\n//", media_type="text/javascript")
    page = visit()
    page.wait("ready")
    page.page.wait_for_function(
        "async () => !(await navigator.serviceWorker.getRegistration())?.installing"
    )
    assert (
        page.page.evaluate(
            "navigator.serviceWorker.getRegistration().then((found) => !!found?.active)"
        )
        is False
    )


def test_two_tabs_load_side_by_side_and_agree(visit: Callable[..., Visit], site: Site) -> None:
    first = visit()
    second = Visit(first.page.context.new_page())
    second.page.goto(site.url)
    assert first.check(TEXT) == second.check(TEXT)
    second.page.close()
    assert first.check(f"{TEXT} And so on.") >= 0
