"""The operator over a whole vocabulary, beside the same in float64."""

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper

from export.causal_lm.statistics import TokenStatistics, statistics_of_chunk
from export.causal_lm.statistics_to_onnx import statistics_operator

ROWS, WIDTH, WORDS = 8, 16, 49_152
# A single chain of 49,152 floats is off by 1e-5, and by another amount on every processor.
CLOSE = 4e-6


def model_of_operator() -> onnx.ModelProto:
    shapes = {"states": (ROWS, WIDTH), "targets": (ROWS,), "table": (WORDS, WIDTH)}
    kinds = {"targets": TensorProto.INT64}
    graph = helper.make_graph(
        [helper.make_node("statistics_of_rows", list(shapes), ["found"], domain="samegraph")],
        "operator",
        [
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape)
            for name, shape in shapes.items()
        ],
        [helper.make_tensor_value_info("found", TensorProto.FLOAT, (5, ROWS))],
    )
    function = statistics_operator(vocabulary=WORDS).to_function_proto()
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("samegraph", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=9)


def test_log_probabilities_of_many_words_are_those_of_float64() -> None:
    random = np.random.default_rng(0)
    states = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    table = random.normal(size=(WORDS, WIDTH)).astype(np.float32)
    targets = random.integers(WORDS, size=ROWS)
    session = ort.InferenceSession(
        model_of_operator().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = {"states": states, "targets": targets, "table": table}
    found = TokenStatistics(*session.run(None, feeds)[0])
    logits = torch.tensor(states) @ torch.tensor(table).T
    exact = TokenStatistics(*statistics_of_chunk(logits.double(), torch.tensor(targets)).numpy())
    torchs = TokenStatistics(*statistics_of_chunk(logits, torch.tensor(targets)).numpy())
    for name in ("log_probability", "expected", "highest"):
        for answers in (found, torchs):
            error = np.abs(getattr(answers, name) - getattr(exact, name))
            assert error.max() <= CLOSE, name
