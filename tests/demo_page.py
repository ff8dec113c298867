"""The server's page in a real Chromium: its text box, and the library that it is built from."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from playwright.sync_api import Page, Route, sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from registry import Artifact
from registry.manifest import TOKENIZER_FILE
from runtime_server.delegation import download_url, manifest_url
from tests.runtimes import Answers, answers_of

RUNTIME = "Chromium"
GRAPH = re.compile(r"\bmodel\.onnx\b")
CHECK_IN_PAGE = """
async (escaped) => {
  const box = document.getElementById('text');
  const figure = document.getElementById('probability');
  const probabilities = [];
  for (const text of JSON.parse(escaped)) {
    figure.value = '';
    box.value = text;
    box.dispatchEvent(new Event('input', { bubbles: true }));
    document.getElementById('check').click();
    while (figure.value === '') await new Promise((resolve) => setTimeout(resolve, 1));
    probabilities.push(Number(figure.value));
  }
  return probabilities;
}
"""
CHECK_WITH_LIBRARY = """
async ([urls, escaped]) => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector(urls);
  const results = [];
  for (const text of JSON.parse(escaped)) results.push(await detector.detect(text));
  await detector.dispose();
  return [detector.artifact.modelSha256, results];
}
"""


@dataclass
class DemoPage:
    """An open page; `downloaded` are the sha256 of the graphs that came over the wire."""

    page: Page
    downloaded: set[str] = field(default_factory=set)

    def answers(self, artifact: Artifact, texts: Sequence[str]) -> Answers:
        """Through the text box where the page ships the model, else through its library."""
        if artifact.manifest.model.sha256 == self.shown_sha256:
            return self._in_text_box(artifact, texts)
        return self._with_library(artifact, texts)

    @property
    def shown_sha256(self) -> str | None:
        return self.page.locator("#result").get_attribute("data-model-sha256")

    def pass_graph(self, route: Route) -> None:
        """Between server and browser: Chromium would not keep a large graph to be looked at."""
        response = route.fetch()
        self.downloaded.add(hashlib.sha256(response.body()).hexdigest())
        route.fulfill(response=response)

    def _in_text_box(self, artifact: Artifact, texts: Sequence[str]) -> Answers:
        # The page does not check a text without words; its library does.
        blank = [text for text in texts if not text.strip()]
        typed = [text for text in texts if text.strip()]
        answers = {
            **dict(zip(blank, self._with_library(artifact, blank).probabilities, strict=True)),
            **dict(zip(typed, self.page.evaluate(CHECK_IN_PAGE, json.dumps(typed)), strict=True)),
        }
        probabilities = np.array([answers[text] for text in texts])
        return Answers(RUNTIME, artifact.manifest.model.sha256, probabilities)

    def _with_library(self, artifact: Artifact, texts: Sequence[str]) -> Answers:
        arguments = [addresses(artifact), json.dumps(list(texts))]
        sha256, results = self.page.evaluate(CHECK_WITH_LIBRARY, arguments)
        assert sha256 in self.downloaded
        return answers_of(RUNTIME, sha256, results)


def addresses(artifact: Artifact) -> dict[str, str]:
    """Options for `createDetector`: the server's own addresses of the artifact's files."""
    manifest = artifact.manifest
    tokenizer = manifest.file(TOKENIZER_FILE)
    return {
        "manifestUrl": manifest_url(manifest),
        "modelUrl": download_url(manifest, manifest.model),
        "expectedDigest": manifest.digest,
        **({"tokenizerUrl": download_url(manifest, tokenizer)} if tokenizer else {}),
    }


@contextmanager
def demo_page(url: str) -> Iterator[DemoPage]:
    """The page of the server at `url`, its model loaded."""
    with sync_playwright() as playwright:
        executable = find_chromium()
        assert executable, "no Chromium: make test installs one"
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        demo = DemoPage(browser.new_page())
        demo.page.route(GRAPH, demo.pass_graph)
        demo.page.goto(f"{url}/demo/")
        demo.page.wait_for_selector("html[data-state=ready]")
        yield demo
        browser.close()
