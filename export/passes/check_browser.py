"""check_browser: onnxruntime-web's wasm build loads the graph and gives the same probabilities."""

from dataclasses import dataclass

import numpy as np

from export.errors import VerificationError, WasmLoadError
from export.graph_files import DATA_FILE
from export.passes.verify import VerifiedGraph
from export.wasm import wasm_probabilities
from export.web_runtime import onnxruntime_web_version
from registry.manifest import BrowserSupport


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
    preparation = verified.graph.loaded.preparation
    try:
        probabilities = wasm_probabilities(verified.graph.files.model, preparation, verified.golden)
    except WasmLoadError as exc:
        return _unsupported(verified, runtime, f"{runtime}: {exc}")
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
