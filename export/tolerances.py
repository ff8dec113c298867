"""How far an artifact may be from its source and from itself, by quantization scheme."""

from dataclasses import dataclass

from registry.manifest import QuantizationScheme


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed |difference of probability|.

    `source_p99` and `source_max` bound the distance to the source framework, `flips` the share of
    texts whose label changes; `batch` the effect of padding and batch-mates; `runtime` the distance
    between onnxruntime in Python and in WebAssembly.
    """

    source_p99: float
    source_max: float
    flips: float
    batch: float = 1e-5
    runtime: float = 1e-5


EXACT = Tolerance(source_p99=1e-5, source_max=1e-5, flips=0)
# A source that is quantized itself must come out exactly, and text-in graphs agree closer.
EXACT_TEXT = Tolerance(source_p99=1e-5, source_max=1e-5, flips=0, runtime=1e-6)
BY_SCHEME = {
    QuantizationScheme.FP32: EXACT,
    QuantizationScheme.INT8_WEIGHT: Tolerance(source_p99=0.02, source_max=0.1, flips=0.01),
}


def tolerance_for(scheme: QuantizationScheme, *, text_in: bool) -> Tolerance:
    """The row of the table. Text-in sources are quantized by their training."""
    return EXACT_TEXT if text_in else BY_SCHEME[scheme]
