import logging
from functools import partial

import pytest
from onnx import TensorProto

from export.quantization.int8_dynamic import int8_dynamic
from tests.export.small_scorer import (
    batch_difference,
    largest_drift,
    loop_body,
    operators,
    same_bytes_twice,
    small_scorer,
    stored_types,
)


def test_the_answer_moves_by_rounding_only() -> None:
    assert 0 < largest_drift(int8_dynamic(small_scorer(), weight_bits=7)) < 0.1


def test_batch_mates_change_the_answer() -> None:
    assert batch_difference(int8_dynamic(small_scorer(), weight_bits=7)) > 1e-3


def test_every_product_outside_of_loops_is_of_integers() -> None:
    model = int8_dynamic(small_scorer(), weight_bits=7)
    assert "MatMulInteger" in operators(model.graph)
    assert not {"MatMul", "Gemm"} & operators(model.graph)
    assert "MatMul" in operators(loop_body(model))


@pytest.mark.parametrize("weight_bits", [7, 8])
def test_large_weights_are_int8(weight_bits: int) -> None:
    kept = stored_types(int8_dynamic(small_scorer(), weight_bits))
    assert not {"table", "up", "down", "mix"} & set(kept)
    assert TensorProto.INT8 in (kept["up_quantized"], kept["table/0_int8"])


def test_nobody_else_loses_log_records(caplog: pytest.LogCaptureFixture) -> None:
    int8_dynamic(small_scorer(), weight_bits=7)
    logging.getLogger("other").warning("still heard")
    assert caplog.messages == ["still heard"]


def test_the_same_model_gives_the_same_bytes() -> None:
    assert same_bytes_twice(partial(int8_dynamic, weight_bits=7))
