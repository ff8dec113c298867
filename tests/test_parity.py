"""The heart: one artifact, one text, one answer, whichever runtime gives it."""

import hashlib
import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from playwright.sync_api import Page, Response, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.live_server import live_server
from export.inference import TextPreparation
from export.passes.load import load
from export.recipe import RECIPES, read_recipe
from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT

RUNTIME_TOLERANCE = 1e-6
REFERENCE_TOLERANCE = 1e-5
# The server runs windows of a text together, where padding may show.
BATCH_TOLERANCE = 1e-5
ARTIFACTS = FileStore(DEFAULT_ROOT).artifacts()


@dataclass(frozen=True)
class Answers:
    """Probabilities of all golden texts, and the sha256 of the graph that gave them."""

    runtime: str
    model_sha256: str
    probabilities: npt.NDArray[np.float64]


def golden_texts(artifact: Artifact) -> list[str]:
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    return [json.loads(line)["text"] for line in lines]


def reference(artifact: Artifact, texts: list[str]) -> Answers:
    """The source framework; where int8 weights are not its own, what the build wrote down."""
    loaded = load(read_recipe(RECIPES / artifact.manifest.model_id))
    if artifact.manifest.input.kind == "tokens":
        lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
        golden = np.array([json.loads(line)["probability"] for line in lines])
        return Answers("golden.jsonl", "", golden)
    prepared = [loaded.preparation.prepare(text) for text in texts]
    expected = loaded.preparation.probabilities(loaded.source.run, prepared)
    return Answers(loaded.source.reference, "", expected)


def onnxruntime_python(artifact: Artifact, texts: list[str]) -> Answers:
    content = artifact.path("model.onnx").read_bytes()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    preparation = TextPreparation.of_artifact(artifact)
    prepared = [preparation.prepare(text) for text in texts]
    probabilities = preparation.probabilities(
        lambda feeds: session.run(["probability"], dict(feeds))[0], prepared, batch=1
    )
    return Answers("onnxruntime", hashlib.sha256(content).hexdigest(), probabilities)


def in_node(artifact: Artifact, texts: list[str], runtime: str, root: Path) -> Answers:
    completed = subprocess.run(
        ["node", "parity/run.mjs", "--runtime", runtime, "--artifact", str(artifact.folder)],
        cwd=root / "web_bundle",
        input="".join(json.dumps({"text": text}) + "\n" for text in texts),
        capture_output=True,
        text=True,
        check=True,
    )
    header, *answers = (json.loads(line) for line in completed.stdout.splitlines())
    assert header["runtime"] == runtime
    probabilities = np.array([answer["probability"] for answer in answers])
    return Answers(f"{runtime} in Node.js", header["model_sha256"], probabilities)


def over_http(artifact: Artifact, texts: list[str], url: str) -> Answers:
    reference = artifact.manifest.reference
    results = []
    with httpx.Client(base_url=url, timeout=30) as client:
        for text in texts:
            # json= would write UTF-8, which has no lone surrogates; JSON's escapes do.
            body = json.dumps({"text": text, "model_id": reference, "prefer_backend": "local"})
            headers = {"content-type": "application/json"}
            response = client.post("/predict", content=body, headers=headers)
            assert response.status_code == 200, response.text
            results.append(response.json())
    assert {result["backend"] for result in results} == {"local"}
    assert {r["metadata"]["artifact_digest"] for r in results} == {artifact.manifest.digest}
    (sha256,) = {result["metadata"]["model_sha256"] for result in results}
    return Answers("HTTP", sha256, np.array([result["probability"] for result in results]))


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
# The page does not check an empty text; its library does.
CHECK_WITH_PAGES_LIBRARY = """
async (escaped) => {
  const { createDetector } = await import('./detector.js');
  const { models: [model] } = await (await fetch('./models/index.json')).json();
  const manifestUrl = new URL(model.manifest, new URL('./models/', document.baseURI));
  const detector = await createDetector({ manifestUrl });
  const detections = await detector.detect(JSON.parse(escaped));
  await detector.dispose();
  return detections.map((detection) => detection.probability);
}
"""


def in_page(page: Page, texts: list[str], downloaded: set[str]) -> Answers:
    """Every text through the page's own text box, those without words through its library."""
    blank = [text for text in texts if not text.strip()]
    answers = {
        **dict(zip(blank, page.evaluate(CHECK_WITH_PAGES_LIBRARY, json.dumps(blank)), strict=True)),
        **typed_into(page, [text for text in texts if text not in blank]),
    }
    sha256 = page.locator("#result").get_attribute("data-model-sha256")
    assert {sha256} == downloaded
    return Answers("page in Chromium", sha256, np.array([answers[text] for text in texts]))


def typed_into(page: Page, texts: list[str]) -> dict[str, float]:
    return dict(zip(texts, page.evaluate(CHECK_IN_PAGE, json.dumps(texts)), strict=True))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with live_server(MIN_TEXT_LENGTH="0") as url:
        yield url


@pytest.fixture(scope="module")
def downloaded() -> set[str]:
    """sha256 of every graph that the browser has fetched, as it came over the wire."""
    return set()


def note_graph(response: Response, downloaded: set[str]) -> None:
    if response.url.endswith(".onnx"):
        downloaded.add(hashlib.sha256(response.body()).hexdigest())


@pytest.fixture(scope="module")
def page(url: str, downloaded: set[str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        executable = find_chromium()
        assert executable, "no Chromium: make test installs one"
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        page = browser.new_page()
        page.on("response", lambda response: note_graph(response, downloaded))
        page.goto(f"{url}/demo/")
        page.wait_for_selector("html[data-state=ready]")
        yield page
        browser.close()


def table(answers: list[Answers], expected: Answers) -> Table:
    """Rows and columns are runtimes; a cell is the largest difference over all texts."""
    columns = [(a.runtime, a.probabilities) for a in (expected, *answers)]
    shown = Table("largest |Δp| between", *(str(n) for n in range(1, len(columns) + 1)))
    for number, (name, row) in enumerate(columns, start=1):
        cells = (f"{np.abs(row - column).max():.1e}" for _, column in columns)
        shown.add_row(f"{number} {name}", *cells)
    return shown


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda a: a.manifest.reference)
def test_every_runtime_gives_the_same_answer_from_the_same_graph(
    artifact: Artifact,
    url: str,
    page: Page,
    downloaded: set[str],
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = golden_texts(artifact)
    expected = reference(artifact, texts)
    answers = [onnxruntime_python(artifact, texts), over_http(artifact, texts, url)]
    # The TypeScript library reads text-in artifacts only; of the others, the build has compared
    # onnxruntime-web on token ids (check_browser).
    text_in = artifact.manifest.input.kind == "text"
    if text_in:
        answers += [
            in_node(artifact, texts, "onnxruntime-node", root),
            in_node(artifact, texts, "onnxruntime-web", root),
            in_page(page, texts, downloaded),
        ]
    with capsys.disabled():
        console = Console(width=110)
        console.print(f"\n{artifact.manifest.reference}: {len(texts)} golden texts")
        console.print(table(answers, expected))

    assert {a.model_sha256 for a in answers} == {artifact.manifest.model.sha256}
    for answer in answers:
        difference = np.abs(answer.probabilities - expected.probabilities).max()
        assert difference <= REFERENCE_TOLERANCE, answer.runtime
    for one, other in itertools.combinations(answers, 2):
        difference = np.abs(one.probabilities - other.probabilities).max()
        tolerance = RUNTIME_TOLERANCE if text_in else BATCH_TOLERANCE
        assert difference <= tolerance, (one.runtime, other.runtime)


def test_there_is_an_artifact_to_compare() -> None:
    assert ARTIFACTS, "make export builds them"
