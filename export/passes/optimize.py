"""optimize: constants folded, dead nodes and second copies dropped, for the same answer."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx

from export.passes.to_onnx import Graph

if TYPE_CHECKING:
    import onnx_ir as ir


def optimize(graph: Graph) -> Graph:
    """The graph without what a converter leaves behind. A text-in graph stays as it is."""
    if graph.loaded.source.input.kind == "text":
        return graph
    return replace(graph, model=optimized(graph.model))


def optimized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function in no more nodes, without the shapes of intermediate values.

    With those shapes, onnxruntime fuses Add and LayerNormalization into SkipLayerNormalization,
    which its CPU provider runs more slowly than the two (docs/quantization.md).
    """
    # Imported here: a text pipeline must build where onnxscript is not installed.
    import onnx_ir as ir
    from onnx_ir.passes import common
    from onnxscript import optimizer

    graph: ir.Model = ir.from_proto(model)
    optimizer.fold_constants(graph)
    _lay_out(graph)
    # Without onnxscript's rewrite rules: on a language model they take minutes, and the graph is no
    # faster for them.
    ir.passes.Sequential(
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateHashedInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.RemoveUnusedNodesPass(),
        # Stack traces, with the folders of this machine.
        common.ClearMetadataAndDocStringPass(),
    )(graph)
    for node in graph.graph.all_nodes():
        for value in node.outputs:
            if not value.is_graph_output():
                value.shape = value.type = None
    proto = ir.to_proto(graph)
    del proto.graph.value_info[:]  # what is left repeats the shapes of initializers
    return proto


def _lay_out(graph: "ir.Model") -> None:
    """Folding a Transpose leaves a view of a weight, whose bytes onnx_ir cannot compare."""
    import onnx_ir as ir

    for name, value in graph.graph.initializers.items():
        tensor = value.const_value
        if isinstance(tensor, ir.Tensor) and not tensor.numpy().flags.c_contiguous:
            value.const_value = ir.Tensor(np.ascontiguousarray(tensor.numpy()), name=name)
