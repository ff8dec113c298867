"""verify: the graph is close to its source, and batch-mates change nothing."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from export.drift import measure_drift
from export.errors import VerificationError
from export.inference import Feeds, Float32s, Float64s, PreparedText
from export.passes.quantize import QuantizedGraph
from export.provenance import onnxruntime_version
from export.threads import session_threads
from export.verification_texts import VerificationTexts
from registry.manifest import Drift


@dataclass(frozen=True)
class VerifiedGraph:
    """A graph that is as close to its source as its scheme promises.

    `probabilities` are onnxruntime's for the golden texts, each run alone. Making one raises
    VerificationError for what is no probability.
    """

    graph: QuantizedGraph
    golden: tuple[PreparedText, ...]
    probabilities: Float64s
    reference: Float64s
    batch_max_abs_diff: float
    drift: Drift

    def __post_init__(self) -> None:
        for text, probability in zip(self.golden, self.probabilities, strict=True):
            if not 0 <= probability <= 1:  # NaN neither
                raise VerificationError(
                    f"the graph says {probability} of text {text.text[:40]!r}: no probability"
                )

    @property
    def runtime(self) -> str:
        """The runtime that was compared, with its version."""
        return f"onnxruntime {onnxruntime_version()}"


def verify(graph: QuantizedGraph) -> VerifiedGraph:
    """Compare alone, in mixed batches, with the source. Raises VerificationError by text."""
    loaded, preparation = graph.loaded, graph.loaded.preparation
    texts = VerificationTexts.of(loaded.recipe.source.kind, graph.files.bytes)
    golden = tuple(map(preparation.prepare, texts.golden))
    run = GraphRun(graph.files.model)
    alone = preparation.probabilities(run, golden, batch=1)
    batched = preparation.probabilities(run, golden, texts.batch)
    reference = preparation.probabilities_by_length(loaded.source.run, golden, texts.batch)
    _require_close("the same text in a batch", batched, alone, loaded.tolerance.batch, golden)
    source_max = loaded.tolerance.source_max
    _require_close(loaded.source.reference, reference, alone, source_max, golden)
    return VerifiedGraph(
        graph=graph,
        golden=golden,
        probabilities=alone,
        reference=reference,
        batch_max_abs_diff=float(np.abs(batched - alone).max()),
        drift=_drift(graph, run, texts),
    )


class GraphRun:
    """onnxruntime on the CPU, as a function of one batch."""

    def __init__(self, model: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = session_threads()
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # onnxruntime exports no base class for its errors
            raise VerificationError(f"onnxruntime cannot load the graph: {exc}") from exc

    @property
    def signature(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the graph's inputs and of its outputs."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        return tuple(value.name for value in inputs), tuple(value.name for value in outputs)

    def __call__(self, feeds: Feeds) -> Float32s:
        """P(AI), float32[N]."""
        (probability,) = self._session.run(["probability"], dict(feeds))
        return np.asarray(probability, dtype=np.float32)


def _drift(graph: QuantizedGraph, run: GraphRun, texts: VerificationTexts) -> Drift:
    loaded, preparation = graph.loaded, graph.loaded.preparation
    prepared = tuple(map(preparation.prepare, texts.drift))
    ours = preparation.probabilities_by_length(run, prepared, texts.batch)
    theirs = preparation.probabilities_by_length(loaded.source.run, prepared, texts.batch)
    measured = measure_drift(ours, theirs, loaded.decision.threshold)
    drift = measured.drift
    allowed = loaded.tolerance
    if drift.p99 > allowed.source_p99 or drift.flips > allowed.flips:
        worst = prepared[measured.furthest].text
        raise VerificationError(
            f"the graph drifts from {loaded.source.reference}: p99 {drift.p99:.1e} (allowed "
            f"{allowed.source_p99}), flips {drift.flips:.1%} (allowed {allowed.flips:.1%}); "
            f"most, {drift.max:.1e}, on {worst[:60]!r}"
        )
    return drift


def _require_close(
    name: str,
    expected: Float64s,
    actual: Float64s,
    tolerance: float,
    texts: tuple[PreparedText, ...],
) -> None:
    difference: npt.NDArray[np.float64] = np.abs(actual - expected)
    worst = int(difference.argmax())
    if not difference[worst] <= tolerance:
        raise VerificationError(
            f"text {worst} ({texts[worst].text[:40]!r}): the graph says {actual[worst]:.7f}, "
            f"{name} says {expected[worst]:.7f}; the tolerance is {tolerance}"
        )
