"""Runs a graph in onnxruntime-web's wasm build, in Node.js."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from export.errors import VerificationError, WasmLoadError
from export.inference import Float64s, PreparedText, TextPreparation
from export.web_runtime import WEB_BUNDLE

SCRIPT = Path(__file__).resolve().parent / "wasm.mjs"
TIMEOUT_SECONDS = 600


def wasm_probabilities(
    model: Path, preparation: TextPreparation, texts: Sequence[PreparedText]
) -> Float64s:
    """P(AI) of each text, run alone, float64[N].

    Raises:
        WasmLoadError: onnxruntime-web cannot load the graph, or is too slow for it.
        VerificationError: the run itself failed.
    """
    scores = iter(_run_in_node(model, texts))
    return preparation.probabilities(
        lambda feeds: np.array([next(scores) for _ in next(iter(feeds.values()))], np.float32),
        texts,
        batch=1,
    )


def _rows(texts: Sequence[PreparedText]) -> Iterator[str | list[int]]:
    """What the graph reads, one row after the other: texts, or windows of ids."""
    for text in texts:
        if text.ids is None:
            yield text.normalized
        yield from (list(window.ids) for window in text.windows)


def _run_in_node(model: Path, texts: Sequence[PreparedText]) -> list[float]:
    try:
        completed = subprocess.run(  # noqa: S603
            ["node", str(SCRIPT), str(WEB_BUNDLE), str(model)],  # noqa: S607
            input=json.dumps(list(_rows(texts))),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WasmLoadError(f"{len(texts)} texts take more than {TIMEOUT_SECONDS} s") from None
    if completed.returncode != 0:
        raise VerificationError(f"{SCRIPT.name} failed: {completed.stderr.strip()[-500:]}")
    answer = json.loads(completed.stdout)
    if "error" in answer:
        raise WasmLoadError(answer["error"])
    probabilities: list[float] = answer["probabilities"]
    return probabilities
