"""check_browser: onnxruntime-web's wasm build loads the graph and gives the same probabilities."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.errors import VerificationError
from export.graph_files import DATA_FILE
from export.passes.verify import VerifiedGraph
from export.web_runtime import WEB_BUNDLE, onnxruntime_web_version
from registry.manifest import BrowserSupport

SCRIPT = Path(__file__).resolve().parent / "check_browser.mjs"
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class BrowserCheckedGraph:
    """A verified graph, and whether a browser runs it; `max_abs_diff` is null where not tried."""

    verified: VerifiedGraph
    browser: BrowserSupport
    runtime: str
    max_abs_diff: float | None


def check_browser(verified: VerifiedGraph) -> BrowserCheckedGraph:
    """Run the golden texts in WebAssembly. Raises VerificationError if an answer differs."""
    version = onnxruntime_web_version()
    runtime = f"onnxruntime-web {version}"
    if version is None:
        reason = "not tried: Node.js or web_bundle/node_modules is missing (`make setup`)"
        return _unsupported(verified, runtime, reason)
    if verified.graph.loaded.source.input.companions:
        reason = "the model reads several encodings of a text; the browser runtime makes one"
        return _unsupported(verified, runtime, reason)
    if verified.graph.files.has_external_data:
        reason = f"the weights are in {DATA_FILE}: too large for a page, or kept apart on purpose"
        return _unsupported(verified, runtime, reason)
    answer = _run_in_node(verified)
    if "error" in answer:
        return _unsupported(verified, runtime, f"{runtime}: {answer['error']}")
    scores = iter(answer["probabilities"])
    preparation = verified.graph.loaded.preparation
    probabilities = preparation.probabilities(
        lambda feeds: np.array([next(scores) for _ in next(iter(feeds.values()))], np.float32),
        verified.golden,
        batch=1,
    )
    difference = np.abs(probabilities - verified.probabilities)
    worst, allowed = int(difference.argmax()), verified.graph.loaded.tolerance.runtime
    if not difference[worst] <= allowed:
        raise VerificationError(
            f"text {worst} ({verified.golden[worst].text[:40]!r}): {runtime} differs from "
            f"{verified.runtime} by {difference[worst]:.2e}; the tolerance is {allowed}"
        )
    supported = BrowserSupport(supported=True, reasons=())
    return BrowserCheckedGraph(verified, supported, runtime, float(difference[worst]))


def _unsupported(verified: VerifiedGraph, runtime: str, reason: str) -> BrowserCheckedGraph:
    support = BrowserSupport(supported=False, reasons=(reason,))
    return BrowserCheckedGraph(verified, support, runtime, None)


def _rows(verified: VerifiedGraph) -> Iterator[str | list[int]]:
    """What the graph reads, one row after the other: texts, or windows of ids."""
    for text in verified.golden:
        if text.ids is None:
            yield text.normalized
        yield from (list(window.ids) for window in text.windows)


def _run_in_node(verified: VerifiedGraph) -> dict[str, list[float]]:
    completed = subprocess.run(  # noqa: S603
        ["node", str(SCRIPT), str(WEB_BUNDLE), str(verified.graph.files.model)],  # noqa: S607
        input=json.dumps(list(_rows(verified))),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if completed.returncode != 0:
        raise VerificationError(f"{SCRIPT.name} failed: {completed.stderr.strip()[-500:]}")
    answer: dict[str, list[float]] = json.loads(completed.stdout)
    return answer
