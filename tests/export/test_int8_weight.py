from onnx import TensorProto

from export.quantization.int8_weight import int8_weight
from tests.export.small_scorer import (
    batch_difference,
    largest_drift,
    loop_body,
    operators,
    same_bytes_twice,
    small_scorer,
    stored_types,
)


def test_large_weights_are_int8_and_the_rest_stays() -> None:
    kept = stored_types(int8_weight(small_scorer()))
    int8 = {name for name, kind in kept.items() if kind == TensorProto.INT8}
    assert int8 == {f"{name}_int8" for name in ("up/1", "down/1", "mix/0", "turn/1", "table/0")}
    assert {"positions", "bias", "gain"} <= set(kept)
    assert not {"table", "up", "down", "mix", "turn"} & set(kept)


def test_the_answer_moves_by_rounding_only() -> None:
    assert 0 < largest_drift(int8_weight(small_scorer())) < 0.05


def test_batch_mates_change_nothing() -> None:
    assert batch_difference(int8_weight(small_scorer())) < 1e-5


def test_no_dequantize_operator_is_used() -> None:
    added = operators(int8_weight(small_scorer()).graph) - operators(small_scorer().graph)
    assert added == {"Cast"}


def test_a_weight_that_a_loop_reads_is_widened_once_outside() -> None:
    assert operators(loop_body(int8_weight(small_scorer()))) == {"Identity", "MatMul", "Tanh"}


def test_the_same_model_gives_the_same_bytes() -> None:
    assert same_bytes_twice(int8_weight)
