"""Every scheme on a graph whose Loop and If end in products with a weight of the outer graph."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from export.passes.optimize import optimized
from export.quantization.schemes import quantized
from registry.manifest import Quantization
from tests.export.small_scorer import run

WIDTH = 64
FORMS = [
    ({"scheme": "fp16", "bits": 16}, 0.005),
    ({"scheme": "int8_weight", "bits": 8}, 0.1),
    ({"scheme": "nbits8", "bits": 8}, 0.1),
    ({"scheme": "nbits4", "bits": 4}, 1),
    ({"scheme": "int8_token", "bits": 8, "activation_bits": 14}, 0.1),
    ({"scheme": "int8_token", "bits": 7, "activation_bits": 8}, 0.2),
    (
        {"scheme": "int8_dynamic", "bits": 7, "activation_bits": 8, "batch_invariant": False},
        0.2,
    ),
]


@pytest.fixture
def branching() -> onnx.ModelProto:
    """x float[N, WIDTH], condition bool, to y float[N, WIDTH]."""
    model = parser.parse_model(f"""
        <ir_version: 9, opset_import: ["" : 20]>
        branching (float[N, {WIDTH}] x, bool condition) => (float[N, {WIDTH}] y) {{
          first = MatMul (x, weight)
          last = Loop (trips, , first) <body = loop (int64 i, bool keep, float[M, {WIDTH}] state)
            => (bool on, float[M, {WIDTH}] next) {{
              on = Identity (keep)
              next = MatMul (state, weight)
          }}>
          y = If (condition) <
            then_branch = then () => (float[P, {WIDTH}] a) {{ a = MatMul (last, weight) }},
            else_branch = otherwise () => (float[Q, {WIDTH}] b) {{ b = MatMul (first, weight) }}
          >
        }}""")
    weight = np.random.RandomState(0).normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(weight.astype(np.float32), "weight"),
            numpy_helper.from_array(np.array(2), "trips"),
        ]
    )
    return model


def feeds(condition: bool) -> dict[str, np.ndarray]:
    x = np.random.RandomState(1).normal(size=(5, WIDTH)).astype(np.float32)
    return {"x": x, "condition": np.array(condition)}


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize(("form", "largest"), FORMS, ids=lambda value: str(value)[:40])
def test_the_answer_moves_by_rounding_only(
    branching: onnx.ModelProto, form: dict[str, object], largest: float, condition: bool
) -> None:
    rewritten = quantized(branching, Quantization.model_validate(form))
    onnx.checker.check_model(rewritten)
    difference = run(rewritten, feeds(condition)) - run(branching, feeds(condition))
    assert 0 < np.abs(difference).max() < largest


@pytest.mark.parametrize("condition", [True, False])
def test_optimizing_changes_nothing(branching: onnx.ModelProto, condition: bool) -> None:
    expected, found = (run(m, feeds(condition)) for m in (branching, optimized(branching)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
