"""Memory: what was disposed of gives it back, and where there is too little, a call says so."""

import psutil
import pytest
from playwright.sync_api import Browser

from benchmarks.chromium import ARGUMENTS, find_chromium
from tests.browser.site import Site

CYCLES = """async (times) => {
  const { createDetector } = await import('./detector.js');
  const { models: [model] } = await (await fetch('./models/index.json')).json();
  for (let n = 0; n < times; n += 1) {
    const detector = await createDetector({ manifestUrl: `./models/${model.manifest}` });
    await detector.detect('A text for every one of them.');
    await detector.dispose();
  }
}"""
# One detector takes more than this, so twenty that stayed would take far more.
MAY_GROW_BYTES = 150e6


def renderers() -> float:
    """Bytes of the largest renderer: Chromium's others are spare ones."""
    children = psutil.Process().children(recursive=True)
    sizes = [
        child.memory_info().rss
        for child in children
        if any("--type=renderer" in word for word in child.cmdline())
    ]
    return max(sizes)


def test_a_hundred_detectors_one_after_another_take_no_more_than_a_few(
    browser: Browser, site: Site
) -> None:
    page = browser.new_page()
    page.goto(site.url)
    page.evaluate(CYCLES, 20)
    before = renderers()
    page.evaluate(CYCLES, 80)
    grown = renderers() - before
    page.close()
    assert grown < MAY_GROW_BYTES, f"{grown / 1e6:.0f} MB"


# Enough for WebAssembly to start; real devices fail at larger numbers, in the same place.
FEW_PAGES = "--js-flags=--wasm-max-mem-pages=256"
SHORT_OF_MEMORY = """async (thread) => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector({ baseUrl: '.', thread });
  const long = 'Words without end, amen. '.repeat(100_000);
  const failure = await detector.detect(long).catch(({ name, code }) => [name, code]);
  const { probability } = await detector.detect('A short text is judged all the same.');
  await detector.dispose();
  return [failure, probability];
}"""


@pytest.mark.parametrize("thread", ["worker", "main"])
def test_too_little_memory_is_an_error_of_its_own_and_the_detector_lives_on(
    browser: Browser, site: Site, thread: str
) -> None:
    arguments = [*ARGUMENTS, FEW_PAGES]
    small = browser.browser_type.launch(executable_path=find_chromium(), args=arguments)
    page = small.new_page()
    page.goto(site.url)
    failure, probability = page.evaluate(SHORT_OF_MEMORY, thread)
    small.close()
    assert failure == ["DetectorError", "out_of_memory"]
    assert 0 <= probability <= 1


TWO_TABS = """async () => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector({ baseUrl: '.' });
  const { probability } = await detector.detect('The same text in either tab.');
  await detector.dispose();
  return probability;
}"""


def test_two_tabs_at_once_give_the_same_and_share_what_was_downloaded(
    browser: Browser, site: Site
) -> None:
    context = browser.new_context()
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{site.url}models/index.json")
    start = (
        f"(window.answer = ({TWO_TABS.replace('./detector.js', site.url + 'detector.js')})(), 0)"
    )
    start = start.replace("baseUrl: '.'", f"baseUrl: '{site.url}'")
    for tab in tabs:
        tab.evaluate(start)
    first, second = (tab.evaluate("window.answer") for tab in tabs)
    assert first == second
    tabs[0].wait_for_function(
        "async () => (await (await caches.open('samegraph-files')).keys()).length === 2"
    )
    site.received.clear()
    third = context.new_page()
    third.goto(f"{site.url}models/index.json")
    third.evaluate(start)
    assert third.evaluate("window.answer") == first
    assert not any(request.path.endswith((".wasm", ".onnx")) for request in site.received)
    context.close()
