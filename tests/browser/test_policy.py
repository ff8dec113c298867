"""What the page forbids itself: foreign scripts, inline ones, and strings that become code."""

import base64
import hashlib
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site, content_security_policy

SINKS = {
    "markup": "document.body.innerHTML = '<b>x</b>'",
    "an evaluated string": "setTimeout('window.ran = true', 0)",
    "a worker at a data: address": "new Worker('data:text/javascript,')",
    "a worker of another folder": "new Worker('/elsewhere/worker.js')",
}


class Loaded(HTMLParser):
    """What a page loads at once or later, with the integrity that it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, str | None] = {}
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        url = named.get("src") or named.get("href") or ""
        if tag == "script" or named.get("rel") in ("stylesheet", "later"):
            self.files[url.removeprefix("./")] = named.get("integrity")
        self.inline += [name for name in named if name == "style" or name.startswith("on")]


def test_every_script_and_style_has_the_integrity_of_its_file(static_folder: Path) -> None:
    page = Loaded()
    page.feed((static_folder / "index.html").read_text("utf-8"))
    assert {name.rpartition("/")[2] for name in page.files} == {
        "app.js",
        "batch.js",
        "compare.js",
        "key.js",
        "server.js",
        "style.css",
    }
    for name, integrity in page.files.items():
        digest = hashlib.sha256((static_folder / name).read_bytes()).digest()
        assert integrity == f"sha256-{base64.b64encode(digest).decode()}"
    assert page.inline == []


@pytest.mark.parametrize("page", ["index.html", "single.html"])
def test_the_policy_is_strict(static_folder: Path, page: str) -> None:
    policy = content_security_policy(static_folder, page)
    assert policy.startswith("default-src 'none'; ")
    assert "require-trusted-types-for 'script'; trusted-types default" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("sink", SINKS)
def test_a_string_does_not_become_code(visit: Callable[..., Visit], sink: str) -> None:
    page = visit()
    page.wait("ready")
    result = page.page.evaluate(
        f"() => {{ try {{ {SINKS[sink]} }} catch (error) {{ return error.name; }} }}"
    )
    page.page.wait_for_timeout(100)
    assert result in ("TypeError", "EvalError") or page.violations
    assert page.page.evaluate("window.ran") is None


def test_a_part_that_comes_later_is_verified_too(visit: Callable[..., Visit], site: Site) -> None:
    script = site.script("compare.js")
    changed = site.read(script) + b"\nwindow.changed = true;"
    site.instead[script] = Answer(changed, media_type="text/javascript")
    page = visit()
    page.wait("ready")
    page.show("compare")
    page.page.get_by_role("alert").filter(has_text="did not arrive").wait_for()
    assert page.page.evaluate("window.changed") is None


def test_a_server_behind_another_address_is_named_when_the_page_is_built(
    root: Path, tmp_path: Path
) -> None:
    command = ["node", "build.mjs", "--out", str(tmp_path / "dist"), "--server"]
    subprocess.run(
        [*command, "https://detector.example/api/"],
        cwd=root / "web_bundle",
        check=True,
        capture_output=True,
    )
    folder = tmp_path / "dist" / "static"
    assert re.search(
        r"connect-src 'self' https://detector\.example;", content_security_policy(folder)
    )
    assert '"https://detector.example/api/"' in (folder / "server.json").read_text("utf-8")
