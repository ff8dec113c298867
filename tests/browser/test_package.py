"""The npm package: what is in it, and that bundlers, pages and runtimes take it as it is."""

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from registry import Artifact
from tests.browser.conftest import WAIT_MS
from tests.browser.packed import LINTERS, copy_examples, hosted, install, pack, run

BUNDLERS = ("vite", "esbuild", "webpack")
RUNTIMES = {"deno": "2.9.6", "bun": "1.4.5"}


@dataclass(frozen=True)
class Installed:
    """A folder with the examples, and the package installed for each."""

    folder: Path
    archive: Path

    def program(self, name: str) -> str:
        return str(self.folder / "node_modules" / ".bin" / name)


@pytest.fixture(scope="module")
def package(root: Path) -> Path:
    package = root / "web_bundle"
    if not (package / "dist" / "npm" / "index.js").is_file():
        pytest.fail("web_bundle/dist is not built: run `make web`")
    return package


@pytest.fixture(scope="module")
def archive(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(package, tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def installed(package: Path, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("examples")
    names = copy_examples(package / "examples", folder, archive)
    install(folder, LINTERS, *names)
    return Installed(folder, archive)


@pytest.fixture(scope="module")
def golden(lexical_tiny: Artifact) -> dict[str, Any]:
    """A natural text and its probability."""
    lines = lexical_tiny.path("golden.jsonl").read_text("ascii").splitlines()
    vectors: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return max(vectors, key=lambda vector: len(set(vector["text"].split())))


def answered(browser: Browser, folder: Path, models: Path, text: str) -> float:
    """What the example in `folder` says about the text, and nothing to complain about."""
    shutil.copytree(models, folder / "detector" / "models")
    complaints: list[str] = []
    with hosted(folder) as url:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        page.fill("#text", text)
        page.click("#check")
        expect(page.locator("#answer")).to_contain_text(",", timeout=WAIT_MS)
        threads = len(page.workers)
        answer = page.locator("#answer").inner_text()
        page.close()
    assert complaints == []
    assert threads == 1, "the detector runs in its worker"
    return float(answer.split(",")[1])


def test_the_archive_has_what_users_need_and_nothing_else(archive: Path, package: Path) -> None:
    with tarfile.open(archive) as tar:
        names = {name.removeprefix("package/") for name in tar.getnames()}
        manifest = json.load(tar.extractfile("package/package.json"))  # type: ignore[arg-type]
    assert {"LICENSE", "README.md", "THIRD_PARTY_LICENSES.txt", "package.json"} <= names
    for conditions in manifest["exports"].values():
        for path in [conditions] if isinstance(conditions, str) else conditions.values():
            assert path.removeprefix("./") in names
    scripts = {
        "index",
        "main_thread",
        "node",
        "node_worker",
        "norm1",
        "tokens",
        "webgpu",
        "worker",
    }
    assert {f"dist/npm/{name}.js" for name in scripts} <= names
    kinds = {".d.ts", ".js", ".wasm", ".LEGAL.txt"}
    inside = [name for name in names if name.startswith("dist/")]
    assert [name for name in inside if not name.endswith(tuple(kinds))] == []
    assert [name for name in names if name.endswith(".ts") and not name.endswith(".d.ts")] == []
    assert "dependencies" not in manifest, "nothing else is installed with it"
    assert {f"./{name}" for name in inside if name.endswith("worker.js")} == {
        name for name in manifest["sideEffects"] if name.endswith("worker.js")
    }
    assert (package / "LICENSE").read_bytes() == (package.parent / "LICENSE").read_bytes()


def test_no_source_and_no_path_of_the_builder_is_in_the_archive(
    archive: Path, package: Path
) -> None:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            content = file.read() if file else b""
            assert str(package).encode() not in content, member.name
            assert b"sourceMappingURL" not in content, member.name


def test_linters_of_packages_find_nothing(installed: Installed) -> None:
    archive = str(installed.archive)
    said = run([installed.program("publint"), "run", "--strict", archive], installed.folder)
    assert "All good!" in said, said
    run([installed.program("attw"), archive, "--profile", "esm-only"], installed.folder)


@pytest.mark.parametrize("bundler", BUNDLERS)
def test_what_a_bundler_builds_answers_in_the_browser(
    installed: Installed,
    browser: Browser,
    static_folder: Path,
    golden: dict[str, Any],
    bundler: str,
) -> None:
    folder = installed.folder / bundler
    said = run(["npm", "run", "build"], folder)
    assert "warning" not in said.lower(), said
    probability = answered(browser, folder / "dist", static_folder / "models", golden["text"])
    assert abs(probability - golden["probability"]) <= 1e-5


def test_a_script_element_takes_the_package_without_a_bundler(
    installed: Installed, browser: Browser, static_folder: Path, golden: dict[str, Any]
) -> None:
    folder = installed.folder / "script-module"
    library = installed.folder / "node_modules" / "samegraph-web" / "dist" / "npm"
    shutil.copytree(library, folder / "samegraph-web")
    probability = answered(browser, folder, static_folder / "models", golden["text"])
    assert abs(probability - golden["probability"]) <= 1e-5


def test_node_takes_the_package(
    installed: Installed, lexical_tiny: Artifact, golden: dict[str, Any]
) -> None:
    command = ["node", "main.js", str(lexical_tiny.folder), golden["text"]]
    answer = run(command, installed.folder / "node")
    assert abs(float(answer.split(",")[1]) - golden["probability"]) <= 1e-5


@pytest.mark.parametrize("entry", ["samegraph-web", "samegraph-web/ai-text-check"])
def test_what_is_for_pages_can_be_imported_where_pages_are_rendered(
    installed: Installed, entry: str
) -> None:
    run(
        ["node", "--input-type=module", "-e", f"await import('{entry}')"], installed.folder / "node"
    )


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_deno_and_bun_take_the_package(
    installed: Installed,
    lexical_tiny: Artifact,
    golden: dict[str, Any],
    tmp_path: Path,
    runtime: str,
) -> None:
    install(tmp_path, {runtime: RUNTIMES[runtime]})
    # They download nothing themselves: the program is in a package that npm chose for this system.
    found = [
        path for path in (tmp_path / "node_modules").glob(f"@*/*/**/{runtime}") if path.is_file()
    ]
    if not found:
        pytest.skip(f"no {runtime} for this system")
    options = ["run", "-A"] if runtime == "deno" else []
    command = [str(found[0]), *options, "main.js", str(lexical_tiny.folder), golden["text"]]
    answer = run(command, installed.folder / "node")
    assert abs(float(answer.split(",")[1]) - golden["probability"]) <= 1e-5
