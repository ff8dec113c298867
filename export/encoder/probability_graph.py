"""The graph of a classifier's logits, completed to what every artifact reads and gives."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.encoder.log_odds import LogOdds

INPUTS = ("input_ids", "attention_mask")
TYPES = "token_type_ids"


def probability_graph(model: onnx.ModelProto, logits: str, odds: LogOdds) -> onnx.ModelProto:
    """input_ids, attention_mask int64[N, T] to probability float32[N]; `model` is changed in place.

    token_type_ids, where the architecture reads them, become zeros: there is one text, not two.
    """
    graph = model.graph
    nodes = [*graph.node, *_probability(logits)]
    if any(value.name == TYPES for value in graph.input):
        nodes = [*_zero_types(), *nodes]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", "T"]) for name in INPUTS]
    output = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])
    for part in (graph.node, graph.input, graph.output, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.output.append(output)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(odds.weight, np.float32)[:, None], "ai_weight"),
            numpy_helper.from_array(np.array([odds.bias], np.float32), "ai_bias"),
            numpy_helper.from_array(np.array([1], np.int64), "label_axis"),
        ]
    )
    return model


def _probability(logits: str) -> list[onnx.NodeProto]:
    """Logits float32[N, labels] to probability float32[N]."""
    return [
        helper.make_node("Gemm", [logits, "ai_weight", "ai_bias"], ["ai_log_odds"]),
        helper.make_node("Sigmoid", ["ai_log_odds"], ["ai_column"]),
        helper.make_node("Squeeze", ["ai_column", "label_axis"], ["probability"]),
    ]


def _zero_types() -> list[onnx.NodeProto]:
    zero = numpy_helper.from_array(np.array([0], np.int64))
    return [
        helper.make_node("Shape", ["input_ids"], ["ids_shape"]),
        helper.make_node("ConstantOfShape", ["ids_shape"], [TYPES], value=zero),
    ]
