"""Members' graphs side by side in one graph, their features joined by one logistic head."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper

from export.ensemble.renaming import rename_values
from export.ensemble.sharing import share
from export.errors import ConversionError

Float32s = npt.NDArray[np.float32]
FEATURES = "features"


@dataclass(frozen=True)
class Part:
    """A member's graph, whose output `features` is float32[N, width].

    `inputs` says which input of the whole each of its inputs is.
    """

    name: str
    model: onnx.ModelProto
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class EnsembleHead:
    """Logistic head over all members' features: mean, weight float32[width], bias float32[]."""

    mean: Float32s
    weight: Float32s
    bias: Float32s

    def __call__(self, features: Float32s) -> Float32s:
        """P(AI) float32[N] of features float32[N, width]."""
        logit = ((features - self.mean) * self.weight).sum(axis=1, dtype=np.float64) + self.bias
        return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)


def merged(parts: Iterable[Part], head: EnsembleHead) -> onnx.ModelProto:
    """One graph: each input once, what members share once, output `probability` float32[N].

    `parts` is read one by one, so that no more than one member's weights are held twice.

    Raises:
        ConversionError: members of different operator sets, or a graph that is not merged.
    """
    whole = onnx.ModelProto(producer_name="samegraph")
    whole.graph.name = "ensemble"
    opsets: dict[str, int] = {}
    features = [_append(whole, part, opsets) for part in parts]
    whole.opset_import.extend(helper.make_opsetid(*opset) for opset in opsets.items())
    _append_head(whole.graph, features, head)
    share(whole)
    return whole


def _append(whole: onnx.ModelProto, part: Part, opsets: dict[str, int]) -> str:
    """The name that the part's features have in the whole."""
    model = inliner.inline_local_functions(part.model) if part.model.functions else part.model
    _require_mergeable(model, part.name)
    for opset in model.opset_import:
        domain = "" if opset.domain == "ai.onnx" else opset.domain
        if opsets.setdefault(domain, opset.version) != opset.version:
            raise ConversionError(
                f"member {part.name} has opset {opset.version} of {domain or 'ai.onnx'}, an "
                f"earlier one {opsets[domain]}: export them with the same opset"
            )
    whole.ir_version = max(whole.ir_version, model.ir_version)

    def rename(name: str) -> str:
        return part.inputs.get(name, f"{part.name}/{name}")

    graph = model.graph
    rename_values(graph, rename)
    known = {value.name for value in whole.graph.input}
    whole.graph.input.extend(_token_input(v.name) for v in graph.input if v.name not in known)
    whole.graph.node.extend(graph.node)
    whole.graph.initializer.extend(graph.initializer)
    return rename(FEATURES)


def _token_input(name: str) -> onnx.ValueInfoProto:
    # Each encoding has a length of its own; the number of windows is one for all.
    length = name.removesuffix("input_ids").removesuffix("attention_mask") + "T"
    return helper.make_tensor_value_info(name, TensorProto.INT64, ["N", length])


def _require_mergeable(model: onnx.ModelProto, name: str) -> None:
    if FEATURES not in [value.name for value in model.graph.output]:
        raise ConversionError(f"member {name} has no output {FEATURES!r}")
    if model.graph.sparse_initializer:
        raise ConversionError(f"member {name} has sparse weights, which are not merged")


def _append_head(graph: onnx.GraphProto, features: list[str], head: EnsembleHead) -> None:
    constants: dict[str, npt.NDArray[Any]] = {
        "head/mean": head.mean,
        "head/weight": head.weight,
        "head/bias": head.bias,
        "head/axis": np.array([1], dtype=np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(v, name) for name, v in constants.items())
    graph.node.extend(
        [
            helper.make_node("Concat", features, ["head/features"], axis=1),
            helper.make_node("Sub", ["head/features", "head/mean"], ["head/centred"]),
            helper.make_node("Mul", ["head/centred", "head/weight"], ["head/weighed"]),
            helper.make_node("ReduceSum", ["head/weighed", "head/axis"], ["head/sum"], keepdims=0),
            helper.make_node("Add", ["head/sum", "head/bias"], ["head/logit"]),
            helper.make_node("Sigmoid", ["head/logit"], ["probability"]),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N"]))
