"""A language model in WebAssembly: every golden vector, in every browser and in Node.js."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.live_server import live_server
from registry import Artifact, FileStore, NotFoundError
from registry.store import DEFAULT_ROOT
from tests.browser.test_other_browsers import in_firefox, in_webkit
from tests.demo_page import addresses
from tests.runtimes import in_node

MODEL = "perplexity-small"
TOLERANCE = 1e-5
# One symbol over and over makes states so large that float32 is as far off, natively too.
REPEATED, TOLERANCE_OF_REPEATED = "🙂", 5e-5
# On a quiet processor all of them take about a minute.
SECONDS = 3600
DETECT = """async ({ where, escaped }) => {
  const { createDetector } = await import(new URL('./detector.js', document.baseURI).href);
  const detector = await createDetector(where);
  const probabilities = [];
  for (const text of JSON.parse(escaped)) {
    const { probability } = await detector.detect(text);
    probabilities.push(probability);
  }
  await detector.dispose();
  return probabilities;
}"""

pytestmark = [
    pytest.mark.slow,
    # selenium's own WebKitGTK class calls selenium in a way that selenium deprecates.
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),
]


class Run(Protocol):
    """Runs a function in a page of one browser."""

    def __call__(
        self, root: Path, url: str, function: str, argument: object, seconds: int
    ) -> Any: ...  # noqa: ANN401


def in_chromium(_: Path, url: str, function: str, argument: object, seconds: int) -> Any:  # noqa: ANN401
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium: `python -m benchmarks.chromium` installs one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        page = browser.new_page()
        page.set_default_timeout(seconds * 1000)
        page.goto(url)
        found = page.evaluate(function, argument)
        browser.close()
    return found


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    try:
        return FileStore(DEFAULT_ROOT).resolve(MODEL)
    except NotFoundError:
        pytest.skip(f"{MODEL} is not built: make export")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with live_server() as url:
        yield url


def golden(artifact: Artifact) -> list[dict[str, Any]]:
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def require_golden(
    artifact: Artifact, probabilities: list[float], record: Callable[[str, object], None]
) -> None:
    """Records the largest difference: it is what a report wants to say."""
    differences = {
        vector["text"]: abs(vector["probability"] - found)
        for vector, found in zip(golden(artifact), probabilities, strict=True)
    }
    record("largest_difference", max(differences.values()))
    beyond = {text: found for text, found in differences.items() if found > TOLERANCE}
    assert max(differences.values()) <= TOLERANCE_OF_REPEATED
    assert {symbol for text in beyond for symbol in text} <= {REPEATED}


@pytest.mark.parametrize("run", [in_chromium, in_firefox, in_webkit])
def test_every_golden_vector_in_a_browser(
    run: Run,
    artifact: Artifact,
    root: Path,
    url: str,
    record_property: Callable[[str, object], None],
) -> None:
    # Escaped: some of the texts are no UTF-8.
    texts = json.dumps([vector["text"] for vector in golden(artifact)])
    argument = {"where": addresses(artifact), "escaped": texts}
    found = run(root, f"{url}/demo/", DETECT, argument, seconds=SECONDS)
    require_golden(artifact, found, record_property)


def test_every_golden_vector_in_node(
    artifact: Artifact, root: Path, record_property: Callable[[str, object], None]
) -> None:
    texts = [vector["text"] for vector in golden(artifact)]
    answers = in_node(artifact, texts, "onnxruntime-web", root)
    require_golden(artifact, answers.probabilities.tolist(), record_property)
