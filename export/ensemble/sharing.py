"""Weights and computations that members have in common are kept once."""

from collections.abc import Mapping
from functools import partial
from hashlib import blake2b

import onnx
from onnx import numpy_helper

from export.ensemble.renaming import bodies, rename_node

# These give another answer each time: two of them are not one.
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike"}
    | {"RandomUniform", "RandomUniformLike"}
)


def share(model: onnx.ModelProto) -> None:
    """Keep one of equal initializers and one of equal nodes, in place.

    Two nodes are equal where operator, attributes and inputs are: common subexpression
    elimination (Cocke, "Global common subexpression elimination", 1970) in topological order.
    """
    graph = model.graph
    outputs = {value.name for value in graph.output}
    same = _equal_initializers(graph)
    first: dict[bytes, onnx.NodeProto] = {}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        rename_node(node, partial(_standing_for, same))
        key = _key(node)
        if key is None or outputs.intersection(node.output):
            kept.append(node)
        elif key in first:
            same |= dict(zip(node.output, first[key].output, strict=True))
        else:
            first[key] = node
            kept.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)


def _standing_for(same: Mapping[str, str], name: str) -> str:
    return same.get(name, name)


def _equal_initializers(graph: onnx.GraphProto) -> dict[str, str]:
    """Removes repetitions; gives the name that stands for each."""
    first: dict[tuple[int, tuple[int, ...], bytes], str] = {}
    same: dict[str, str] = {}
    repeated: list[int] = []
    for place, tensor in enumerate(graph.initializer):
        key = (tensor.data_type, tuple(tensor.dims), _digest(tensor))
        if key in first:
            same[tensor.name] = first[key]
            repeated.append(place)
        else:
            first[key] = tensor.name
    for place in reversed(repeated):
        del graph.initializer[place]
    return same


def _digest(tensor: onnx.TensorProto) -> bytes:
    content = tensor.raw_data if tensor.raw_data else numpy_helper.to_array(tensor).tobytes()
    return blake2b(content).digest()


def _key(node: onnx.NodeProto) -> bytes | None:
    """Equal for equal nodes; null for those that are never shared."""
    if node.op_type in RANDOM or any(bodies(node)):
        return None
    bare = onnx.NodeProto(op_type=node.op_type, domain=node.domain, input=node.input)
    bare.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    content: bytes = bare.SerializeToString(deterministic=True)
    return content + bytes([len(node.output)])
