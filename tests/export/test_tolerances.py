import pytest

from export.quantization.schemes import SCHEMES
from export.tolerances import EXACT_TEXT, ROUNDING, tolerance_for
from registry.manifest import Quantization, QuantizationScheme

FORMS = [
    {"scheme": "fp32", "bits": 32},
    {"scheme": "fp16", "bits": 16},
    {"scheme": "int8_weight", "bits": 8},
    {"scheme": "nbits8", "bits": 8},
    {"scheme": "nbits4", "bits": 4},
    {"scheme": "int8_token", "bits": 8, "activation_bits": 8},
    {"scheme": "int8_token", "bits": 7, "activation_bits": 8},
    {"scheme": "int8_token", "bits": 8, "activation_bits": 14},
    {"scheme": "int8_dynamic", "bits": 7, "activation_bits": 8, "batch_invariant": False},
]


def test_every_scheme_is_listed_here() -> None:
    assert {QuantizationScheme(str(form["scheme"])) for form in FORMS} == set(SCHEMES)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form["scheme"]))
def test_batch_mates_move_nothing_unless_the_artifact_says_they_do(
    form: dict[str, object],
) -> None:
    quantization = Quantization.model_validate(form)
    batch = tolerance_for(quantization, text_in=False).batch
    assert (batch <= ROUNDING) is quantization.batch_invariant


def test_only_integer_products_and_half_may_differ_between_runtimes() -> None:
    forms = [Quantization.model_validate(form) for form in FORMS]
    loose = {f.scheme for f in forms if tolerance_for(f, text_in=False).runtime > ROUNDING}
    assert loose == {"fp16", "int8_token", "int8_dynamic"}


def test_text_in_graphs_are_exact_whatever_they_store() -> None:
    quantization = Quantization(scheme=QuantizationScheme.INT8_WEIGHT, bits=8)
    assert tolerance_for(quantization, text_in=True) is EXACT_TEXT
    assert EXACT_TEXT.exact


def test_a_language_model_in_its_own_blocks_is_exact_but_for_the_order_of_sums() -> None:
    quantization = Quantization(scheme=QuantizationScheme.GGUF_EXACT, bits=4)
    tolerance = tolerance_for(quantization, text_in=False)
    assert tolerance.batch <= ROUNDING
    assert (tolerance.source_max, tolerance.flips) == (1e-4, 0)
    assert tolerance.runtime < 1e-3
