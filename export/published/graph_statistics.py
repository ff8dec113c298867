"""What a graph is made of: its operators and its weights."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Self

import onnx

from export.errors import VerificationError

# Weights that are packed several to a byte: operator, the input that holds them.
_PACKED = {"MatMulNBits": 1, "GatherBlockQuantized": 0}


@dataclass(frozen=True)
class GraphStatistics:
    """How often each operator occurs, and how many numbers the weights are; subgraphs included."""

    operators: Mapping[str, int]
    parameters: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Of the graph in this file. Raises VerificationError."""
        try:
            model = onnx.load(path, load_external_data=False)
        except Exception as exc:  # protobuf's own errors share no base class with onnx's
            raise VerificationError(f"{path} is not an ONNX graph: {exc}") from exc
        graphs = list(_graphs(model.graph))
        operators = Counter(_name(node) for graph in graphs for node in graph.node)
        operators.update(_name(node) for function in model.functions for node in function.node)
        return cls(dict(sorted(operators.items())), sum(map(_parameters, graphs)))


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _name(node: onnx.NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type


def _parameters(graph: onnx.GraphProto) -> int:
    packed = dict(_packed(graph))
    return sum(prod(t.dims) * packed.get(t.name, 1) for t in graph.initializer)


def _packed(graph: onnx.GraphProto) -> Iterator[tuple[str, int]]:
    for node in graph.node:
        if node.op_type in _PACKED:
            bits = next((a.i for a in node.attribute if a.name == "bits"), 4)
            yield node.input[_PACKED[node.op_type]], 8 // bits
