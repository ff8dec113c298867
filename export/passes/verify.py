"""verify: the graph gives the reference's probabilities, and batch-mates change nothing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.errors import VerificationError
from export.golden_texts import golden_texts
from export.passes.to_onnx import Graph
from export.provenance import onnxruntime_version

REFERENCE_TOLERANCE = 1e-5
BATCH_TOLERANCE = 1e-5
BATCH = 16
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GoldenVector:
    """One text, its normal form, and the reference's probability."""

    text: str
    normalized: str
    probability: float


@dataclass(frozen=True)
class VerifiedGraph:
    """A graph that agrees with its reference on every golden text."""

    graph: Graph
    golden: tuple[GoldenVector, ...]
    probabilities: Float32s
    max_abs_diff: float

    @property
    def runtime(self) -> str:
        """The runtime that was compared, with its version."""
        return f"onnxruntime {onnxruntime_version()}"


def verify(graph: Graph) -> VerifiedGraph:
    """Compare alone and in mixed batches. Raises VerificationError naming the text."""
    texts = golden_texts()
    normalized = graph.loaded.normalized(texts)
    reference = graph.loaded.probabilities(normalized)
    session = _session(graph.content)
    alone = np.concatenate([_run(session, (text,)) for text in normalized])
    batched = np.concatenate(
        [_run(session, normalized[i : i + BATCH]) for i in range(0, len(normalized), BATCH)]
    )
    _require_close(graph.loaded.reference, reference, alone, REFERENCE_TOLERANCE, texts)
    _require_close("the same text in a batch", batched, alone, BATCH_TOLERANCE, texts)
    # 7 decimals: what is left of a float64 that was computed from float32 features
    rounded = [round(float(p), 7) for p in reference]
    golden = tuple(map(GoldenVector, texts, normalized, rounded))
    return VerifiedGraph(graph, golden, alone, float(np.abs(alone - reference).max()))


def _session(content: bytes) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime exports no base class for its errors
        raise VerificationError(f"onnxruntime cannot load the graph: {exc}") from exc


def _run(session: ort.InferenceSession, normalized: tuple[str, ...]) -> Float32s:
    (probability,) = session.run(["probability"], {"text": np.array(normalized, dtype=object)})
    return np.asarray(probability, dtype=np.float32)


def _require_close(
    name: str,
    expected: npt.NDArray[np.floating],
    actual: Float32s,
    tolerance: float,
    texts: tuple[str, ...],
) -> None:
    difference = np.abs(actual - expected)
    worst = int(difference.argmax())
    if not difference[worst] <= tolerance:
        raise VerificationError(
            f"text {worst} ({texts[worst][:40]!r}): the graph says {actual[worst]:.7f}, {name} "
            f"says {expected[worst]:.7f}; the tolerance is {tolerance}"
        )
