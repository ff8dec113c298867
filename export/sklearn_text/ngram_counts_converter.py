"""Converters of CountVectorizer, TfidfVectorizer and TfidfTransformer that count exactly.

skl2onnx has its own, but they lower-case by the host's locale and weigh differently.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from export.sklearn_text.onnx_nodes import Nodes
from export.sklearn_text.token_patterns import re2_pattern

# A text without any known n-gram stays a row of zeros.
_TINY = 1e-12


def register() -> None:
    """Teach skl2onnx these converters; calling it again changes nothing."""
    for step, name in (
        (CountVectorizer, "SamegraphCountVectorizer"),
        (TfidfVectorizer, "SamegraphTfidfVectorizer"),
        (TfidfTransformer, "SamegraphTfidfTransformer"),
    ):
        update_registered_converter(step, name, _shape, _convert, overwrite=True)


def _shape(operator: Any) -> None:  # noqa: ANN401
    step = operator.raw_operator
    if isinstance(step, CountVectorizer):
        width = len(step.vocabulary_)
    else:
        width = operator.inputs[0].type.shape[1]
    operator.outputs[0].type = FloatTensorType([None, width])


def _convert(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
    step, nodes = operator.raw_operator, Nodes(scope, container)
    values = operator.inputs[0].full_name
    if isinstance(step, CountVectorizer):
        values = _counts(nodes, step, values)
    if isinstance(step, TfidfVectorizer):
        values = _weighted(nodes, step._tfidf, values)
    elif isinstance(step, TfidfTransformer):
        values = _weighted(nodes, step, values)
    nodes.output("Identity", [values], operator.outputs[0].full_name)


def _counts(nodes: Nodes, step: CountVectorizer, text: str) -> str:
    """Text string[N] to how often it has each n-gram of the vocabulary, float32[N, n-grams]."""
    grams = sorted(((_units(step, gram), at) for gram, at in step.vocabulary_.items()), key=_order)
    lengths = [len(units) for units, _ in grams]
    longest = lengths[-1]
    counts = nodes.node(
        "TfIdfVectorizer",
        [_tokens(nodes, step, text)],
        "counts",
        mode="TF",
        min_gram_length=lengths[0],
        max_gram_length=longest,
        max_skip_count=0,
        # Where in the pool the n-grams of each length begin.
        ngram_counts=[_total(lengths, below=length) for length in range(1, longest + 1)],
        ngram_indexes=[int(at) for _, at in grams],
        pool_strings=list(chain.from_iterable(units for units, _ in grams)),
    )
    if not step.binary:
        return counts
    return nodes.node("Min", [counts, nodes.constant("one", np.array(1, np.float32))], "present")


def _units(step: CountVectorizer, gram: str) -> Sequence[str]:
    return gram.split(" ") if step.analyzer == "word" else gram


def _order(gram: tuple[Sequence[str], int]) -> tuple[int, int]:
    return len(gram[0]), gram[1]


def _total(lengths: Sequence[int], below: int) -> int:
    return sum(length for length in lengths if length < below)


def _tokens(nodes: Nodes, step: CountVectorizer, text: str) -> str:
    """Text string[N] to words or characters string[N, T].

    char_wb counts within words, each between two spaces. Neighbours share a space here, which
    changes no count: an n-gram across words has a space inside, and no vocabulary holds one.
    """
    if step.analyzer == "word":
        return nodes.words(text, str(re2_pattern(step.token_pattern)))
    return nodes.characters(nodes.between_spaces(text) if step.analyzer == "char_wb" else text)


def _weighted(nodes: Nodes, step: TfidfTransformer, counts: str) -> str:
    """Counts float32[N, n-grams], weighted and scaled as the options say."""
    values = _sublinear(nodes, counts) if step.sublinear_tf else counts
    if step.use_idf:
        rarity = nodes.constant("idf", step.idf_.astype(np.float32))
        values = nodes.node("Mul", [values, rarity], "rare")
    if step.norm is None:
        return values
    axis = nodes.constant("axis", np.array([1], np.int64))
    norm = nodes.node({"l1": "ReduceL1", "l2": "ReduceL2"}[step.norm], [values, axis], "norm")
    floor = nodes.constant("tiny", np.array(_TINY, np.float32))
    return nodes.node("Div", [values, nodes.node("Max", [norm, floor], "divisor")], "unit")


def _sublinear(nodes: Nodes, counts: str) -> str:
    """1 + log(count), and 0 where the count is 0."""
    one = nodes.constant("one", np.array(1, np.float32))
    at_least_one = nodes.node("Max", [counts, one], "at_least_one")
    present = nodes.node("Cast", [counts], "present", to=TensorProto.BOOL)
    once = nodes.node("Cast", [present], "once", to=TensorProto.FLOAT)
    return nodes.node("Add", [nodes.node("Log", [at_least_one], "log"), once], "sublinear")
