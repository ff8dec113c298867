"""A detector that was disposed of has given its memory back."""

import psutil
from playwright.sync_api import Browser

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
