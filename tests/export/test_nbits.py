from functools import partial

import numpy as np
import pytest
from onnx import TensorProto

from export.quantization.nbits import BLOCK, nbits, packed, quantize_blocks
from tests.export.small_scorer import (
    batch_difference,
    largest_drift,
    loop_body,
    operators,
    same_bytes_twice,
    small_scorer,
    stored_types,
)

every_width = pytest.mark.parametrize("bits", [4, 8])


@every_width
def test_blocks_hold_every_weight_to_half_a_step(bits: int) -> None:
    matrix = np.random.RandomState(0).normal(size=(100, 7)).astype(np.float32)
    matrix[:BLOCK, 0] = 0
    matrix[:BLOCK, 1] = np.abs(matrix[:BLOCK, 1]) + 1
    whole, scale, zero = quantize_blocks(matrix, bits)
    assert whole.shape == (7, 4, BLOCK)
    restored = (whole.astype(np.float32) - zero[..., np.newaxis]) * scale[..., np.newaxis]
    difference = np.abs(restored.reshape(7, -1)[:, :100].T - matrix)
    step = np.repeat(scale, BLOCK, axis=1)[:, :100].T
    assert np.all(difference <= 0.51 * step)
    assert np.all(restored.reshape(7, -1)[:, 100:] == 0)


def test_an_odd_count_of_half_bytes_is_filled() -> None:
    assert packed(np.array([[1, 2, 3]], np.uint8), 4).tolist() == [[0x21, 0x03]]


@pytest.mark.parametrize(("bits", "largest"), [(4, 0.5), (8, 0.05)])
def test_the_answer_moves_by_rounding_only(bits: int, largest: float) -> None:
    assert 0 < largest_drift(nbits(small_scorer(), bits)) < largest


@every_width
def test_batch_mates_change_nothing(bits: int) -> None:
    assert batch_difference(nbits(small_scorer(), bits)) < 1e-5


@every_width
def test_every_product_is_of_blocks_in_the_loop_too(bits: int) -> None:
    model = nbits(small_scorer(), bits)
    for graph in (model.graph, loop_body(model)):
        assert "MatMulNBits" in operators(graph)
        assert not {"MatMul", "Gemm"} & operators(graph)


@every_width
def test_embeddings_are_int8_rows(bits: int) -> None:
    kinds = stored_types(nbits(small_scorer(), bits))
    assert [name for name, kind in kinds.items() if kind == TensorProto.INT8] == ["table/0_int8"]


@every_width
def test_the_same_model_gives_the_same_bytes(bits: int) -> None:
    assert same_bytes_twice(partial(nbits, bits=bits))
