"""The skl2onnx converter of HashedNgramEncoder: the same rows and sums as an ONNX sub-graph."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType

from export.sklearn_text.hashed_ngrams import (
    ORDER_SALT,
    UNIT_MULTIPLIERS,
    HashedNgramEncoder,
    word_pattern,
)
from export.sklearn_text.onnx_nodes import MICROSOFT, Nodes


def _int64(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _unit_hashes(nodes: Nodes, encoder: HashedNgramEncoder, text: str) -> str:
    """Text string[N] to int64[N, units], 0 after the end of a text."""
    if encoder.analyzer == "char":
        units = nodes.characters(nodes.between_spaces(text))
    else:
        units = nodes.words(text, word_pattern(r"\x{%x}"))
    hashes = nodes.node("MurmurHash3", [units], "hashes32", MICROSOFT, positive=1, seed=0)
    return nodes.node("Cast", [hashes], "hashes", to=TensorProto.INT64)


@dataclass(frozen=True)
class _Shifts:
    """hashes int64[N, units] seen from position + k, by padding at the end and slicing."""

    nodes: Nodes
    padded: str
    longest: int
    axis: str

    @classmethod
    def of(cls, nodes: Nodes, hashes: str, longest: int) -> "_Shifts":
        pads = nodes.constant("pads", _int64(0, 0, 0, longest - 1))
        padded = nodes.node("Pad", [hashes, pads], "padded")
        return cls(nodes, padded, longest, nodes.constant("axis", _int64(1)))

    def at(self, shift: int) -> str:
        end = shift - self.longest + 1 or np.iinfo(np.int64).max
        bounds = [self.nodes.constant(f"from{shift}", _int64(shift))]
        bounds.append(self.nodes.constant(f"to{shift}", _int64(end)))
        return self.nodes.node("Slice", [self.padded, *bounds, self.axis], f"shifted{shift}")


def _row_sums(nodes: Nodes, encoder: HashedNgramEncoder, hashes: str) -> list[str]:
    """Hashes int64[N, units] to one int32[N, 1] per order."""
    shifts = _Shifts.of(nodes, hashes, encoder.orders.stop - 1)
    nothing = encoder.n_buckets
    table = nodes.constant("table", np.append(encoder.table_, np.int8(0)))
    zero = nodes.constant("zero", _int64(0))
    buckets = nodes.constant("buckets", _int64(nothing))
    no_row = nodes.constant("no_row", _int64(nothing))
    mixed, sums = "", []
    for order in range(1, encoder.orders.stop):
        shifted = shifts.at(order - 1)
        multiplier = nodes.constant("multiplier", _int64(UNIT_MULTIPLIERS[order - 1]))
        product = nodes.node("Mul", [shifted, multiplier], "product")
        mixed = nodes.node("Add", [mixed, product], "mixed") if mixed else product
        if order not in encoder.orders:
            continue
        salt = nodes.constant("salt", _int64(order * ORDER_SALT))
        salted = nodes.node("Add", [mixed, salt], "salted")
        bucket = nodes.node("Mod", [salted, buckets], "bucket", fmod=0)
        ended = nodes.node("Equal", [shifted, zero], "ended")
        row = nodes.node("Where", [ended, no_row, bucket], "row")
        weight8 = nodes.node("Gather", [table, row], "weight8", axis=0)
        weight = nodes.node("Cast", [weight8], "weight", to=TensorProto.INT32)
        sums.append(nodes.node("ReduceSum", [weight, shifts.axis], "sum", keepdims=1))
    return sums


def _unit_counts(nodes: Nodes, hashes: str) -> str:
    """Hashes int64[N, units] to the number of units, float32[N, 1]."""
    present = nodes.node("Cast", [hashes], "present", to=TensorProto.BOOL)
    ones = nodes.node("Cast", [present], "ones", to=TensorProto.INT32)
    axis = nodes.constant("axis", _int64(1))
    count = nodes.node("ReduceSum", [ones, axis], "count", keepdims=1)
    return nodes.node("Cast", [count], "units", to=TensorProto.FLOAT)


def _divisors(nodes: Nodes, encoder: HashedNgramEncoder, units: str) -> str:
    one = nodes.constant("one", np.array([1], dtype=np.float32))
    root = nodes.constant("root", np.sqrt(np.array([encoder.saturation], dtype=np.float32)))
    at_least_one = nodes.node("Max", [units, one], "at_least_one")
    growing = nodes.node("Sqrt", [at_least_one], "growing")
    saturated = nodes.node("Div", [at_least_one, root], "saturated")
    return nodes.node("Max", [growing, saturated], "divisor")


def _convert(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
    encoder: HashedNgramEncoder = operator.raw_operator
    nodes = Nodes(scope, container)
    hashes = _unit_hashes(nodes, encoder, operator.inputs[0].full_name)
    units = _unit_counts(nodes, hashes)
    divisor = _divisors(nodes, encoder, units)
    scale = nodes.constant("scale", np.array([encoder.scale_], dtype=np.float32))
    columns = []
    for total in _row_sums(nodes, encoder, hashes):
        sums = nodes.node("Cast", [total], "sums", to=TensorProto.FLOAT)
        scaled = nodes.node("Mul", [sums, scale], "scaled")
        columns.append(nodes.node("Div", [scaled, divisor], "evidence"))
    nodes.output("Concat", columns, operator.outputs[0].full_name, axis=1)


def _shape(operator: Any) -> None:  # noqa: ANN401
    encoder: HashedNgramEncoder = operator.raw_operator
    operator.outputs[0].type = FloatTensorType([None, len(encoder.orders)])


def register() -> None:
    """Teach skl2onnx to convert HashedNgramEncoder; calling it again changes nothing."""
    update_registered_converter(
        HashedNgramEncoder, "SamegraphHashedNgramEncoder", _shape, _convert, overwrite=True
    )
