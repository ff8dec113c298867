"""How far an artifact may be from its source and from itself, by quantization scheme."""

from dataclasses import dataclass, replace

from registry.manifest import Quantization, QuantizationScheme

# What a sum of floats in another order makes of a probability.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed |difference of probability|.

    `source_p99` and `source_max` bound the distance to the source framework, `flips` the share of
    texts whose label changes; `batch` the effect of padding and batch-mates, on artifacts that say
    they are not batch-invariant; `runtime` the distance between onnxruntime in Python and in
    WebAssembly.
    """

    source_p99: float
    source_max: float
    flips: float
    batch: float = ROUNDING
    runtime: float = ROUNDING

    @property
    def exact(self) -> bool:
        """Whether the graph must give the source's own numbers."""
        return self.source_max <= ROUNDING


EXACT = Tolerance(source_p99=ROUNDING, source_max=ROUNDING, flips=0)
# A source that is quantized itself must come out exactly, and text-in graphs agree closer.
EXACT_TEXT = replace(EXACT, runtime=1e-6)
# By scheme and bits of activations. docs/quantization.md has what was measured.
BY_SCHEME = {
    (QuantizationScheme.FP32, None): EXACT,
    # The same weights, but products add up in another order, through thirty layers.
    (QuantizationScheme.GGUF_EXACT, None): Tolerance(1e-4, 1e-4, flips=0, runtime=1e-4),
    (QuantizationScheme.FP16, None): Tolerance(2e-3, 0.01, flips=0.005, batch=1e-3, runtime=1e-3),
    (QuantizationScheme.INT8_WEIGHT, None): Tolerance(0.02, 0.1, flips=0.01),
    (QuantizationScheme.NBITS8, None): Tolerance(0.02, 0.1, flips=0.01),
    (QuantizationScheme.NBITS4, None): Tolerance(0.1, 0.3, flips=0.05),
    (QuantizationScheme.INT8_TOKEN, 8): Tolerance(0.08, 0.2, flips=0.03, runtime=0.05),
    (QuantizationScheme.INT8_TOKEN, 14): Tolerance(0.02, 0.1, flips=0.01, runtime=2e-3),
    (QuantizationScheme.INT8_DYNAMIC, 8): Tolerance(0.1, 0.3, flips=0.05, batch=0.2, runtime=0.1),
}


def tolerance_for(quantization: Quantization, *, text_in: bool) -> Tolerance:
    """The row of the table. Text-in sources are quantized by their training."""
    if text_in:
        return EXACT_TEXT
    row = BY_SCHEME[quantization.scheme, quantization.activation_bits]
    return replace(row, batch=ROUNDING) if quantization.batch_invariant else row
