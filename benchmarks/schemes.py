"""What each quantization scheme costs and gives: bytes, drift, and speed, on one model."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from export.drift import measure_drift, two_digits
from export.errors import WasmLoadError
from export.graph_files import write_graph
from export.inference import Feeds, Float64s, PreparedText
from export.passes.load import LoadedModel
from export.passes.optimize import optimized
from export.passes.verify import GraphRun
from export.quantization.schemes import quantized
from export.verification_texts import VerificationTexts
from export.wasm import wasm_probabilities
from registry.manifest import Drift, Quantization, QuantizationScheme

FP32 = Quantization(scheme=QuantizationScheme.FP32, bits=32)
FORMS = (
    FP32,
    Quantization(scheme=QuantizationScheme.FP16, bits=16),
    Quantization(scheme=QuantizationScheme.INT8_WEIGHT, bits=8),
    Quantization(scheme=QuantizationScheme.NBITS8, bits=8),
    Quantization(scheme=QuantizationScheme.NBITS4, bits=4),
    Quantization(scheme=QuantizationScheme.INT8_TOKEN, bits=8, activation_bits=14),
    Quantization(scheme=QuantizationScheme.INT8_TOKEN, bits=7, activation_bits=8),
    Quantization(scheme=QuantizationScheme.INT8_TOKEN, bits=8, activation_bits=8),
    Quantization(
        scheme=QuantizationScheme.INT8_DYNAMIC, bits=7, activation_bits=8, batch_invariant=False
    ),
    Quantization(
        scheme=QuantizationScheme.INT8_DYNAMIC, bits=8, activation_bits=8, batch_invariant=False
    ),
)
BATCHES = (1, 8)
TOKENS = 128


@dataclass(frozen=True)
class SchemeResult:
    """One scheme. `batch` and `runtime` are the largest |difference of probability|.

    `batch` compares a text alone with the same text in a batch, `runtime` Python with WebAssembly
    (null where that does not load the graph).
    """

    form: Quantization
    bytes: int
    drift: Drift
    batch: float
    runtime: float | None

    @property
    def name(self) -> str:
        """As `form_name`."""
        return form_name(self.form)


def form_name(form: Quantization) -> str:
    """Scheme, and bits of weights and activations where it has a choice."""
    bits = f" W{form.bits}A{form.activation_bits}"
    return f"{form.scheme}{bits if form.activation_bits else ''}"


class SchemeBench:
    """A loaded model, its graph in every form, and the texts to compare on."""

    def __init__(self, loaded: LoadedModel, folder: Path, texts: int) -> None:
        self._loaded = loaded
        self._folder = folder
        every = VerificationTexts.of(loaded.recipe.source.kind)
        self._golden = self._prepared(every.golden)
        self._texts = self._prepared(every.drift[:texts])

    def write_graphs(self, forms: tuple[Quantization, ...]) -> dict[Quantization, Path]:
        """Model.onnx of every form, each in a folder of its own."""
        model = optimized(self._loaded.source.to_onnx())
        paths = {}
        for number, form in enumerate(forms):
            target = self._folder / str(number)
            target.mkdir()
            own = onnx.ModelProto()
            own.CopyFrom(model)  # writing uses it up
            paths[form] = write_graph(quantized(own, form), target, external_data=False).model
        return paths

    def measure(self, form: Quantization, graph: Path) -> SchemeResult:
        """Everything but the speed."""
        preparation, run = self._loaded.preparation, GraphRun(graph)
        alone = preparation.probabilities(run, self._golden, batch=1)
        batched = preparation.probabilities(run, self._golden)
        return SchemeResult(
            form=form,
            bytes=graph_bytes(graph),
            drift=self.drift(graph),
            batch=two_digits(np.abs(batched - alone).max()),
            runtime=self._distance_to_wasm(graph, alone),
        )

    def drift(self, graph: Path) -> Drift:
        """From the source, over the texts."""
        ours = self._loaded.preparation.probabilities(GraphRun(graph), self._texts)
        return measure_drift(ours, self._source, self._loaded.decision.threshold).drift

    def probabilities(self, graph: Path, texts: Sequence[str]) -> Float64s:
        """float64[len(texts)], in their order."""
        preparation = self._loaded.preparation
        prepared = tuple(map(preparation.prepare, texts))
        return preparation.probabilities(GraphRun(graph), prepared)

    def count_near_threshold(self, distance: float) -> int:
        """How many texts the source itself puts within `distance` of the threshold."""
        return int(np.sum(np.abs(self._source - self._loaded.decision.threshold) <= distance))

    def feeds(self, batch: int) -> Feeds:
        """A batch of TOKENS ids each, of real text, without padding."""
        longest = max((w for text in self._golden for w in text.windows), key=lambda w: len(w.ids))
        ids = np.tile(np.array(longest.ids[:TOKENS], np.int64), (batch, 1))
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    @cached_property
    def _source(self) -> Float64s:
        return self._loaded.preparation.probabilities(self._loaded.source.run, self._texts)

    def _prepared(self, texts: tuple[str, ...]) -> tuple[PreparedText, ...]:
        prepared = map(self._loaded.preparation.prepare, texts)
        return tuple(sorted(prepared, key=lambda text: len(text.normalized)))

    def _distance_to_wasm(self, graph: Path, ours: Float64s) -> float | None:
        try:
            theirs = wasm_probabilities(graph, self._loaded.preparation, self._golden)
        except WasmLoadError:
            return None
        return two_digits(np.abs(theirs - ours).max())


def graph_bytes(graph: Path) -> int:
    """Of model.onnx and what lies beside it."""
    return sum(path.stat().st_size for path in graph.parent.iterdir())


def relative_speeds(
    graphs: Mapping[Quantization, Path], feeds: Feeds, rounds: int
) -> dict[Quantization, float]:
    """The medians of `speed_ratios`."""
    ratios = speed_ratios(graphs, feeds, rounds)
    return {form: statistics.median(values) for form, values in ratios.items()}


def speed_ratios(
    graphs: Mapping[Quantization, Path], feeds: Feeds, rounds: int
) -> dict[Quantization, list[float]]:
    """How many times as fast as fp32 each graph is, in each round; in a round all take turns.

    CPU time of one thread is compared, so that other work on the machine does not count.
    """
    sessions = {form: _one_thread(path) for form, path in graphs.items()}
    ratios: dict[Quantization, list[float]] = {form: [] for form in sessions}
    for _ in range(rounds + 1):
        seconds = dict(_seconds(sessions, feeds))
        for form, own in seconds.items():
            ratios[form].append(seconds[FP32] / own)
    # The first round warms up.
    return {form: values[1:] for form, values in ratios.items()}


def _one_thread(graph: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _seconds(
    sessions: Mapping[Quantization, ort.InferenceSession], feeds: Feeds
) -> Iterator[tuple[Quantization, float]]:
    for form, session in sessions.items():
        began = time.thread_time()
        session.run(["probability"], dict(feeds))
        yield form, time.thread_time() - began
