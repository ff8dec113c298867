"""A fitted scikit-learn text classifier as a graph `text: string[N] -> probability: float32[N]`."""

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.pipeline import Pipeline

from export.errors import ConversionError
from export.sklearn_text import hashed_ngrams_converter, ngram_counts_converter
from export.sklearn_text.ngram_counts import require_exact

OPSETS = {"": 20, "ai.onnx.ml": 3, "com.microsoft": 1}
IR_VERSION = 9


def sklearn_to_onnx(
    pipeline: Pipeline, name: str, *, normalizer: str = "norm-1", ai_column: int = 1
) -> onnx.ModelProto:
    """Convert a fitted classifier of texts to two classes, the one in `ai_column` being AI.

    Raises:
        ConversionError: a step has no conversion that gives the same numbers.
    """
    require_exact(pipeline, normalizer)
    hashed_ngrams_converter.register()
    ngram_counts_converter.register()
    try:
        model = convert_sklearn(
            pipeline,
            name=name,
            initial_types=[("text", StringTensorType([None]))],
            target_opset=OPSETS,
            options={id(pipeline): {"zipmap": False, "output_class_labels": False}},
        )
    except (MissingConverter, MissingShapeCalculator) as exc:
        raise ConversionError(f"{name}: skl2onnx cannot convert a step: {exc}") from exc
    return _only_probability(model, ai_column)


def _only_probability(model: onnx.ModelProto, ai_column: int) -> onnx.ModelProto:
    """Keep one column of the class probabilities as the one output, float32[N]."""
    probabilities = model.graph.output[1].name
    which = helper.make_tensor("ai_column", TensorProto.INT64, [], [ai_column])
    column = helper.make_node("Gather", [probabilities, "ai_column"], ["probability"], axis=1)
    nodes = _needed([*model.graph.node, column], "probability")
    read = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [tensor for tensor in (*model.graph.initializer, which) if tensor.name in read],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="samegraph"
    )


def _needed(nodes: list[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """The nodes that `output` depends on, in their order: skl2onnx also computes a label."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]
