"""The time of one prediction of one text: in Python, in Node.js, in Chromium, over HTTP."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import onnxruntime as ort
from playwright.sync_api import sync_playwright

from benchmarks.chromium import ARGUMENTS, find_chromium
from benchmarks.live_server import live_server
from registry import Artifact, norm1

ROOT = Path(__file__).resolve().parent.parent
WORDS = 300
# One round of a runtime gives this many seconds per prediction.
Round = Callable[[int], list[float]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds of single predictions, one caller, nothing else running."""

    runtime: str
    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median, ms."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """95th percentile, ms."""
        return statistics.quantiles(self.milliseconds, n=20)[18]


def sample_text(artifact: Artifact) -> str:
    """The first 300 words of the artifact's longest natural golden text."""
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return " ".join(max(texts, key=lambda text: len(set(text.split()))).split()[:WORDS])


def measure(artifact: Artifact, rounds: int, predictions: int) -> list[Latency]:
    """Every runtime in turn, `rounds` times over, so that noise falls on all alike."""
    text = sample_text(artifact)
    samples: dict[str, list[float]] = {}
    with ExitStack() as stack:
        url = stack.enter_context(live_server())
        runtimes: dict[str, Round] = {
            "Python, onnxruntime": in_python(artifact, text),
            "Node.js, onnxruntime-web": in_node(artifact, text),
            "Chromium, worker": stack.enter_context(in_chromium(url, text)),
            "HTTP, /predict": stack.enter_context(over_http(artifact, url, text)),
        }
        for _ in range(rounds):
            for name, run in runtimes.items():
                samples.setdefault(name, []).extend(run(predictions))
    return [Latency(name, tuple(1e3 * s for s in times)) for name, times in samples.items()]


def in_python(artifact: Artifact, text: str) -> Round:
    """norm-1 and session.run in this process."""
    session = ort.InferenceSession(artifact.path("model.onnx"), providers=["CPUExecutionProvider"])

    def predict() -> None:
        session.run(["probability"], {"text": np.array([norm1(text)], dtype=object)})

    return lambda predictions: _timed(predict, predictions)


def in_node(artifact: Artifact, text: str) -> Round:
    """The npm package's Node.js entry, on WebAssembly, in a process of its own."""
    script = Path(__file__).with_suffix(".mjs")

    def run(predictions: int) -> list[float]:
        completed = subprocess.run(
            ["node", str(script), str(ROOT / "web_bundle"), str(artifact.folder), str(predictions)],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds: list[float] = json.loads(completed.stdout)
        return seconds

    return run


@contextmanager
def in_chromium(url: str, text: str) -> Iterator[Round]:
    """The demo page's library: page to worker and back."""
    script = Path(__file__).with_suffix(".page.js").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        page = browser.new_page()
        page.goto(f"{url}/demo/")
        page.wait_for_selector("html[data-state=ready]")
        yield lambda predictions: page.evaluate(script, [text, predictions])
        browser.close()


@contextmanager
def over_http(artifact: Artifact, url: str, text: str) -> Iterator[Round]:
    """One kept-alive connection to the server on the loopback interface."""
    body = {"text": text, "model_id": artifact.manifest.model_id, "prefer_backend": "local"}
    with httpx.Client(base_url=url) as client:

        def predict() -> None:
            client.post("/predict", json=body).raise_for_status()

        yield lambda predictions: _timed(predict, predictions)


def _timed(predict: Callable[[], None], predictions: int) -> list[float]:
    for _ in range(10):
        predict()
    seconds = []
    for _ in range(predictions):
        began = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - began)
    return seconds
