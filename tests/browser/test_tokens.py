"""An artifact that reads tokens, in the worker, under the page's policy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry import FileStore
from tests.browser.conftest import Visit
from tests.browser.site import Answer, Site

PLACE = "models/fixture-tokens/1.0.0"
DETECT = """
async ([manifestUrl, escaped]) => {
  const { createDetector } = await import('./detector.js');
  const detector = await createDetector({ manifestUrl });
  const texts = JSON.parse(escaped);
  const together = await detector.detect(texts);
  const alone = [];
  for (const text of texts) alone.push(await detector.detect(text));
  await detector.dispose();
  return [together, alone];
}
"""
LOAD = """
async (manifestUrl) => {
  const { createDetector } = await import('./detector.js');
  return createDetector({ manifestUrl }).then(() => 'loaded', (error) => error.code);
}
"""


@pytest.fixture
def fixture(root: Path, site: Site) -> Path:
    """The artifact of web_bundle's unit tests, served beside the page's own."""
    folder = root / "web_bundle" / "test" / "fixtures" / "fixture-tokens"
    for path in folder.iterdir():
        site.instead[f"{PLACE}/{path.name}"] = Answer(path.read_bytes())
    return folder


def vectors(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "golden.jsonl").read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def test_texts_give_the_golden_probabilities_together_and_alone(
    visit: Callable[..., Visit], fixture: Path
) -> None:
    page = visit()
    page.wait("ready")
    golden = vectors(fixture)
    texts = json.dumps([vector["text"] for vector in golden])
    for detections in page.page.evaluate(DETECT, [f"./{PLACE}/manifest.json", texts]):
        for vector, detection in zip(golden, detections, strict=True):
            assert abs(vector["probability"] - detection["probability"]) <= 1e-6, vector["text"]
            metadata = detection["metadata"]
            assert metadata["tokens"] == len(vector["ids"])
            assert metadata["windows"] == vector["windows"]
            assert metadata["truncated"] is False
    assert page.violations == []


def test_a_changed_tokenizer_is_refused(
    visit: Callable[..., Visit], site: Site, fixture: Path
) -> None:
    content = (fixture / "tokenizer.json").read_bytes()
    changed = content.replace(b'"wrote":9', b'"wrote":8')
    assert changed != content
    site.instead[f"{PLACE}/tokenizer.json"] = Answer(changed)
    page = visit()
    page.wait("ready")
    assert page.page.evaluate(LOAD, f"./{PLACE}/manifest.json") == "digest_mismatch"


def test_a_missing_script_for_tokens_says_so(
    visit: Callable[..., Visit], site: Site, fixture: Path
) -> None:
    site.instead["tokens.js"] = Answer(b"", status=404)
    page = visit()
    page.wait("ready")
    assert page.page.evaluate(LOAD, f"./{PLACE}/manifest.json") == "fetch_failed"


def test_a_page_whose_model_reads_text_does_not_fetch_the_script_for_tokens(
    visit: Callable[..., Visit], site: Site
) -> None:
    visit().check("Words enough to be judged, said in one sentence or in two.")
    asked = [request.path.rpartition("/")[2] for request in site.received]
    assert "worker.js" in asked
    assert "tokens.js" not in asked


@pytest.mark.parametrize(
    "count", [4, pytest.param(None, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_minilm_small_gives_its_golden_probabilities(
    visit: Callable[..., Visit], site: Site, count: int | None
) -> None:
    artifact = FileStore().resolve("minilm-small")
    place = "models/minilm-small/served"
    for name in ("manifest.json", "model.onnx", "tokenizer.json"):
        site.instead[f"{place}/{name}"] = Answer((artifact.folder / name).read_bytes())
    page = visit()
    page.wait("ready")
    golden = vectors(artifact.folder)[:count]
    texts = json.dumps([vector["text"] for vector in golden])
    for detections in page.page.evaluate(DETECT, [f"./{place}/manifest.json", texts]):
        for vector, detection in zip(golden, detections, strict=True):
            assert abs(vector["probability"] - detection["probability"]) <= 1e-5, vector["text"]
