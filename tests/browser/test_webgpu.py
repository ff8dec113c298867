"""The graphics card runs graphs that read tokens, and the processor takes over where it cannot."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from benchmarks.chromium import ARGUMENTS, find_chromium
from registry import FileStore
from tests.browser.packed import hosted

# A processor that imitates a graphics card: there is no other on a machine without one.
IMITATED = (
    "--enable-unsafe-webgpu",
    "--enable-unsafe-swiftshader",
    "--use-webgpu-adapter=swiftshader",
)
HAS_ADAPTER = "async () => (await navigator.gpu?.requestAdapter()) ? true : false"
DETECT = """async ([options, escaped]) => {
  const { createDetector } = await import('./index.js');
  const detector = await createDetector(options);
  const answers = await detector.detect(JSON.parse(escaped));
  await detector.dispose();
  return [detector.artifact.provider, answers];
}"""
TOLERANCE = 1e-3
SOME = 16


@pytest.fixture(scope="module")
def library(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's scripts with fixture-tokens beside them."""
    folder = tmp_path_factory.mktemp("webgpu") / "npm"
    shutil.copytree(root / "web_bundle" / "dist" / "npm", folder)
    fixtures = root / "web_bundle" / "test" / "fixtures"
    shutil.copytree(fixtures / "fixture-tokens", folder / "fixture-tokens")
    shutil.copytree(fixtures / "fixture-tiny", folder / "fixture-tiny")
    (folder / "index.html").write_text("<!doctype html><title>WebGPU</title>")
    return folder


@pytest.fixture(scope="module")
def url(library: Path) -> Iterator[str]:
    with hosted(library) as url:
        yield url


@pytest.fixture
def plain(browser: Browser, url: str) -> Iterator[Page]:
    """A page of a browser without a graphics card."""
    page = browser.new_page()
    page.goto(url)
    yield page
    page.close()


@pytest.fixture(scope="module")
def imitating(browser: Browser) -> Iterator[Browser]:
    """A browser that has one, if only an imitated one."""
    arguments = [word for word in ARGUMENTS if word != "--disable-gpu"]
    imitating = browser.browser_type.launch(
        executable_path=find_chromium(), args=[*arguments, *IMITATED]
    )
    yield imitating
    imitating.close()


@pytest.fixture
def imitated(imitating: Browser, url: str) -> Iterator[Page]:
    page = imitating.new_page()
    page.goto(url)
    if not page.evaluate(HAS_ADAPTER):
        pytest.skip("this Chromium imitates no graphics card")
    yield page
    page.close()


def detect(page: Page, texts: list[str], **options: object) -> tuple[str, list[dict[str, Any]]]:
    provider, answers = page.evaluate(DETECT, [options, json.dumps(texts)])
    return provider, answers


def vectors(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "golden.jsonl").read_text("ascii").splitlines()]


def require_golden(page: Page, artifact: Path, count: int) -> None:
    """The graphics card gives the first so many of the artifact's golden vectors."""
    golden = vectors(artifact)[:count]
    provider, answers = detect(
        page,
        [vector["text"] for vector in golden],
        manifestUrl=f"./{artifact.name}/manifest.json",
        device="webgpu",
    )
    assert provider == "webgpu"
    for vector, answer in zip(golden, answers, strict=True):
        assert abs(vector["probability"] - answer["probability"]) <= TOLERANCE, vector["text"]
        assert answer["metadata"]["provider"] == "webgpu"
        assert answer["metadata"]["fallbacks"] == []


def test_the_graphics_card_gives_the_golden_probabilities_and_is_named(
    imitated: Page, library: Path
) -> None:
    require_golden(imitated, library / "fixture-tokens", SOME)


@pytest.mark.parametrize("device", ["webgpu", "auto"])
def test_the_processor_takes_over_where_there_is_no_graphics_card_and_says_why(
    plain: Page, library: Path, device: str
) -> None:
    golden = vectors(library / "fixture-tokens")[:SOME]
    provider, answers = detect(
        plain,
        [vector["text"] for vector in golden],
        manifestUrl="./fixture-tokens/manifest.json",
        device=device,
    )
    assert provider == "wasm"
    for vector, answer in zip(golden, answers, strict=True):
        assert abs(vector["probability"] - answer["probability"]) <= 1e-5
        (fallback,) = answer["metadata"]["fallbacks"]
        assert fallback["backend"] == "webgpu"
        assert "no WebGPU" in fallback["reason"]


def test_an_imitated_graphics_card_is_not_taken_by_auto(imitated: Page) -> None:
    provider, (answer,) = detect(
        imitated, ["A text."], manifestUrl="./fixture-tokens/manifest.json", device="auto"
    )
    assert provider == "wasm"
    assert "imitated" in answer["metadata"]["fallbacks"][0]["reason"]


def test_a_graph_that_reads_text_stays_on_the_processor(imitated: Page) -> None:
    asked: list[str] = []
    imitated.on("request", lambda request: asked.append(request.url))
    provider, _ = detect(
        imitated, ["A text."], manifestUrl="./fixture-tiny/manifest.json", device="webgpu"
    )
    assert provider == "wasm"
    assert not any("jspi" in url or "webgpu.js" in url for url in asked)


@pytest.mark.parametrize("broken", ["**/webgpu.js", "**/*.jspi.wasm"])
def test_the_processor_takes_over_where_the_runtime_for_graphics_does_not_arrive(
    imitated: Page, broken: str
) -> None:
    imitated.context.route(broken, lambda route: route.fulfill(status=404))
    provider, (answer,) = detect(
        imitated, ["A text."], manifestUrl="./fixture-tokens/manifest.json", device="webgpu"
    )
    assert provider == "wasm"
    assert "fetch_failed" in answer["metadata"]["fallbacks"][0]["reason"]


@pytest.mark.slow
def test_minilm_on_the_graphics_card_agrees_with_the_processor(
    imitated: Page, library: Path
) -> None:
    target = library / "minilm-small"
    shutil.copytree(FileStore().resolve("minilm-small").folder, target)
    require_golden(imitated, target, 4)
