"""Names of values in a graph, in the bodies of its loops and branches too."""

from collections.abc import Callable, Iterator

import onnx

Rename = Callable[[str], str]


def rename_values(graph: onnx.GraphProto, rename: Rename) -> None:
    """Give every value and node of the graph another name, in place; "" is no value."""
    for node in graph.node:
        rename_node(node, rename)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = rename(value.name)


def rename_node(node: onnx.NodeProto, rename: Rename) -> None:
    """Rename what a node reads and gives, and what its bodies do."""
    node.name = rename(node.name) if node.name else ""
    node.input[:] = [rename(name) if name else "" for name in node.input]
    node.output[:] = [rename(name) if name else "" for name in node.output]
    for body in bodies(node):
        rename_values(body, rename)


def bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs inside a Loop, Scan or If."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs
