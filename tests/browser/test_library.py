"""The library as a page imports it from the static folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from registry import Artifact
from tests.browser.site import serve

WITH_DETECTOR = """
async ([body, ...values]) => {
  const library = await import('./detector.js');
  const { models: [model] } = await (await fetch('./models/index.json')).json();
  const manifestUrl = `./models/${model.manifest}`;
  const task = TASKS[body];
  return task({ ...library, manifestUrl, values });
}
"""
TASKS = """{
  async batch({ createDetector, manifestUrl, values: [escaped] }) {
    const detector = await createDetector({ manifestUrl });
    const texts = JSON.parse(escaped);
    const together = await detector.detect(texts);
    const alone = await Promise.all(texts.map((text) => detector.detect(text)));
    await detector.dispose();
    return [together, alone].map((detections) => detections.map((d) => d.probability));
  },
  async single({ createDetector, manifestUrl }) {
    const detector = await createDetector({ manifestUrl });
    return detector.detect('One text, one result.');
  },
  async disposed({ createDetector, manifestUrl }) {
    const detector = await createDetector({ manifestUrl });
    const call = detector.detect('A text that comes too late.').catch((error) => error.code);
    await detector.dispose();
    return [await call, await detector.detect('x').catch((error) => error.code)];
  },
  async aborted({ createDetector, manifestUrl }) {
    const detector = await createDetector({ manifestUrl });
    const options = { signal: AbortSignal.abort() };
    return detector.detect('x', options).catch((error) => error.code);
  },
  async otherDigest({ createDetector, manifestUrl, values: [expectedDigest] }) {
    return createDetector({ manifestUrl, expectedDigest }).catch((error) => error.code);
  },
  async noWorker({ createDetector, manifestUrl, values: [thread] }) {
    const options = { manifestUrl, workerUrl: './missing.js', ...(thread && { thread }) };
    const detector = await createDetector(options).catch((error) => error);
    if (detector.code) return detector.code;
    const { probability } = await detector.detect('One text, one result.');
    await detector.dispose();
    return [detector.artifact.thread, probability];
  },
  async named({ createDetector, values: [options] }) {
    const detector = await createDetector(JSON.parse(options)).catch((error) => error);
    if (detector instanceof Error) return [detector.name, detector.code ?? null, detector.message];
    await detector.dispose();
    return [detector.artifact.manifest.model_id, detector.artifact.digest];
  },
  async globals({ createDetector, manifestUrl, values: [thread] }) {
    const keys = () => Reflect.ownKeys(globalThis).map(String);
    const before = new Set(keys());
    const detector = await createDetector({ manifestUrl, thread });
    await detector.detect('One text, one result.', { explain: true });
    await detector.dispose();
    return keys().filter((key) => !before.has(key));
  },
  async stopped({ createDetector, manifestUrl, values: [thread] }) {
    const stopping = new AbortController();
    const onProgress = () => stopping.abort();
    const { signal } = stopping;
    return createDetector({ manifestUrl, thread, signal, onProgress }).then(
      () => 'loaded', (error) => error.code);
  },
  async twice({ createDetector, manifestUrl }) {
    const options = { manifestUrl, thread: 'main' };
    const [one, other] = await Promise.all([createDetector(options), createDetector(options)]);
    await one.dispose();
    const { probability } = await other.detect('One text, one result.');
    await other.dispose();
    const third = await createDetector(options);
    const again = await third.detect('One text, one result.');
    await third.dispose();
    return [probability, again.probability];
  },
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, static_folder: Path) -> Iterator[Page]:
    """One page for all: each task makes a detector of its own."""
    with serve(static_folder) as site:
        page = browser.new_page()
        page.goto(site.url)
        yield page
        page.close()


def run(page: Page, task: str, *values: str) -> Any:  # noqa: ANN401
    return page.evaluate(WITH_DETECTOR.replace("TASKS", f"({TASKS})"), [task, *values])


def test_golden_texts_give_the_golden_probabilities_together_and_alone(
    page: Page, lexical_tiny: Artifact
) -> None:
    lines = lexical_tiny.path("golden.jsonl").read_text("ascii").splitlines()
    vectors = [json.loads(line) for line in lines]
    texts = json.dumps([vector["text"] for vector in vectors])
    together, alone = run(page, "batch", texts)
    assert together == alone
    for vector, probability in zip(vectors, together, strict=True):
        assert abs(vector["probability"] - probability) <= 1e-6, vector["text"][:80]


def test_a_detection_has_the_fields_of_every_backend(page: Page, lexical_tiny: Artifact) -> None:
    detection = run(page, "single")
    manifest = lexical_tiny.manifest
    probability = detection["probability"]
    assert detection["prediction"] == int(probability >= manifest.decision.threshold)
    assert detection["is_fake"] == bool(detection["prediction"])
    assert detection["confidence"] == abs(2 * probability - 1)
    assert detection["backend"] == "client_side"
    assert detection["model_id"] == manifest.model_id
    assert detection["latency_ms"] > 0
    metadata = detection["metadata"]
    assert metadata["artifact_digest"] == manifest.digest
    assert metadata["model_sha256"] == manifest.model.sha256
    assert metadata["provider"] == "wasm"
    assert set(metadata["timings_ms"]) == {"load", "normalize", "run"}


def test_a_disposed_detector_rejects_with_code_aborted(page: Page) -> None:
    assert run(page, "disposed") == ["aborted", "aborted"]


def test_an_aborted_call_rejects_with_code_aborted(page: Page) -> None:
    assert run(page, "aborted") == "aborted"


def test_another_artifact_than_the_expected_one_is_refused(page: Page) -> None:
    assert run(page, "otherDigest", "0" * 64) == "digest_mismatch"


def test_the_thread_that_asks_stands_in_for_a_worker_that_does_not_start(page: Page) -> None:
    thread, probability = run(page, "noWorker")
    assert thread == "main"
    assert probability == run(page, "single")["probability"]


def test_a_worker_that_is_asked_for_and_does_not_start_is_an_error_not_a_wait(page: Page) -> None:
    assert run(page, "noWorker", "worker") == "runtime_failed"


@pytest.mark.parametrize("thread", ["worker", "main"])
def test_no_globals_are_left_behind(page: Page, thread: str) -> None:
    assert run(page, "globals", thread) == []


@pytest.mark.parametrize("thread", ["worker", "main"])
def test_loading_can_be_stopped(page: Page, thread: str) -> None:
    assert run(page, "stopped", thread) == "aborted"


def test_detectors_of_one_thread_do_not_disturb_each_other(page: Page) -> None:
    probability = run(page, "single")["probability"]
    assert run(page, "twice") == [probability, probability]


@pytest.mark.parametrize("model", [None, "lexical-tiny", "lexical-tiny@{version}"])
def test_a_model_is_found_by_the_catalogue_of_a_folder(
    page: Page, lexical_tiny: Artifact, model: str | None
) -> None:
    manifest = lexical_tiny.manifest
    named = {"model": model.format(version=manifest.version)} if model else {}
    options = json.dumps({"baseUrl": "./", **named})
    assert run(page, "named", options) == [manifest.model_id, manifest.digest]


def test_a_model_that_the_catalogue_does_not_name_is_told_with_those_that_it_does(
    page: Page,
) -> None:
    name, code, message = run(page, "named", '{"baseUrl": ".", "model": "none-such"}')
    assert (name, code) == ("DetectorError", "bad_manifest")
    assert "none-such" in message
    assert "lexical-tiny" in message


@pytest.mark.parametrize(
    "options",
    [
        "{}",
        '{"baseUrl": ".", "manifestUrl": "./models/x"}',
        '{"baseUrl": ".", "mode": "only_server"}',
    ],
)
def test_options_that_name_no_artifact_or_two_are_a_range_error(page: Page, options: str) -> None:
    assert run(page, "named", options)[0] == "RangeError"
