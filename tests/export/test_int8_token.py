from contextlib import nullcontext
from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

from export.errors import ConversionError
from export.quantization.int8_token import int8_token
from export.quantization.overflow import overflows, require_right_products
from registry.manifest import Quantization
from tests.export.small_scorer import (
    batch_difference,
    largest_drift,
    loop_body,
    operators,
    run,
    same_bytes_twice,
    small_scorer,
    stored_types,
)

BITS = [(8, 8), (7, 8), (8, 14)]
every_form = pytest.mark.parametrize(("weight_bits", "activation_bits"), BITS)
WIDTH = 512


@pytest.fixture
def product() -> onnx.ModelProto:
    """x float32[N, WIDTH] times a matrix of ones."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 20]>'
        f"product (float[N, {WIDTH}] x) => (float[N, 16] y) {{ y = MatMul (x, ones) }}"
    )
    ones = np.ones((WIDTH, 16), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(ones, "ones"))
    return model


@every_form
def test_batch_mates_change_nothing(weight_bits: int, activation_bits: int) -> None:
    assert batch_difference(int8_token(small_scorer(), weight_bits, activation_bits)) < 1e-5


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(7, 8), (8, 14)])
def test_the_answer_moves_by_rounding_only(weight_bits: int, activation_bits: int) -> None:
    assert 0 < largest_drift(int8_token(small_scorer(), weight_bits, activation_bits)) < 0.1


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(7, 8), (8, 14)])
def test_the_largest_numbers_do_not_overflow_on_any_cpu(
    product: onnx.ModelProto, weight_bits: int, activation_bits: int
) -> None:
    x = np.full((3, WIDTH), 2.5, np.float32)
    found = run(int8_token(product, weight_bits, activation_bits), {"x": x})
    np.testing.assert_allclose(found, 2.5 * WIDTH, rtol=1e-5)


def test_whether_8_bits_by_8_overflow_here_is_known(product: onnx.ModelProto) -> None:
    x = np.full((3, WIDTH), 2.5, np.float32)
    found = run(int8_token(product, weight_bits=8, activation_bits=8), {"x": x})
    assert np.allclose(found, 2.5 * WIDTH, rtol=1e-5) is not overflows()


def test_a_form_that_overflows_here_is_refused_with_one_that_does_not() -> None:
    wide, *others = (
        Quantization(scheme="int8_token", bits=weights, activation_bits=activations)
        for weights, activations in BITS
    )
    with pytest.raises(ConversionError, match="bits = 7") if overflows() else nullcontext():
        require_right_products(wide)
    for form in others:
        require_right_products(form)


def test_two_limbs_resolve_a_hundred_times_finer_than_one(product: onnx.ModelProto) -> None:
    x = np.random.RandomState(0).normal(size=(50, WIDTH)).astype(np.float32)
    expected = x.sum(axis=1, keepdims=True)
    one, two = (
        np.abs(run(int8_token(product, 7, bits), {"x": x}) - expected).max() for bits in (8, 14)
    )
    assert two < one / 50


def test_a_token_of_zeros_is_zero(product: onnx.ModelProto) -> None:
    x = np.zeros((2, WIDTH), np.float32)
    for bits in BITS:
        assert np.all(run(int8_token(product, *bits), {"x": x}) == 0)


def test_a_tokens_scale_is_its_own(product: onnx.ModelProto) -> None:
    x = np.random.RandomState(0).normal(size=(2, WIDTH)).astype(np.float32)
    x[1] *= 1000
    model = int8_token(product, 7, 8)
    assert np.array_equal(run(model, {"x": x})[:1], run(model, {"x": x[:1]}))


@every_form
def test_every_product_is_of_integers_in_the_loop_too(
    weight_bits: int, activation_bits: int
) -> None:
    model = int8_token(small_scorer(), weight_bits, activation_bits)
    for graph in (model.graph, loop_body(model)):
        assert "MatMulInteger" in operators(graph)
        assert not {"MatMul", "Gemm"} & operators(graph)


def test_seven_bit_weights_are_stored_so() -> None:
    model = int8_token(small_scorer(), 7, 8)
    weights = [t for t in model.graph.initializer if t.data_type == TensorProto.INT8]
    largest = {t.name: np.abs(numpy_helper.to_array(t)).max() for t in weights}
    assert largest.pop("table/0_int8") == 127, "looked up, not multiplied"
    assert set(largest.values()) == {63}


def test_a_shared_table_is_stored_once() -> None:
    kinds = stored_types(int8_token(small_scorer(), 8, 14))
    assert [n for n, kind in kinds.items() if kind == TensorProto.INT8 and "table" in n] == [
        "table/0_int8"
    ]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert same_bytes_twice(partial(int8_token, weight_bits=8, activation_bits=14))
