"""A fitted scikit-learn text classifier as a graph `text: string[N] -> probability: float32[N]`."""

import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from export.errors import ConversionError
from export.sklearn_text import hashed_ngrams_converter

OPSETS = {"": 20, "ai.onnx.ml": 3, "com.microsoft": 1}
IR_VERSION = 9
_INEXACT = (CountVectorizer, HashingVectorizer, TfidfVectorizer)


def sklearn_to_onnx(pipeline: Pipeline, name: str) -> onnx.ModelProto:
    """Convert a fitted binary classifier of norm-1 texts (classes 0 = human, 1 = AI).

    Raises:
        ConversionError: a step has no conversion that gives the same numbers.
    """
    _refuse_inexact(pipeline)
    hashed_ngrams_converter.register()
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
    return _only_probability(model)


def _refuse_inexact(pipeline: Pipeline) -> None:
    for step in _steps(pipeline):
        if isinstance(step, _INEXACT):
            raise ConversionError(
                f"{type(step).__name__} has no exact ONNX form (its tokenising, lower-casing and "
                "weighting come out as other numbers); use HashedNgramEncoder of "
                "export.sklearn_text.hashed_ngrams"
            )


def _steps(estimator: object) -> list[object]:
    if isinstance(estimator, Pipeline):
        return [leaf for _, step in estimator.steps for leaf in _steps(step)]
    if isinstance(estimator, FeatureUnion):
        return [leaf for _, step in estimator.transformer_list for leaf in _steps(step)]
    return [estimator]


def _only_probability(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep column 1 of the class probabilities as the one output, float32[N]."""
    probabilities = model.graph.output[1].name
    one = helper.make_tensor("ai_column", TensorProto.INT64, [], [1])
    column = helper.make_node("Gather", [probabilities, "ai_column"], ["probability"], axis=1)
    graph = helper.make_graph(
        _needed([*model.graph.node, column], "probability"),
        model.graph.name,
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"])],
        [*model.graph.initializer, one],
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
