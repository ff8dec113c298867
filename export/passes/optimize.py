"""optimize: constants folded, dead nodes and second copies dropped, for the same answer."""

from dataclasses import replace

import onnx

from export.passes.to_onnx import Graph


def optimize(graph: Graph) -> Graph:
    """The graph with what is left to clean up done. A text-in graph stays as it is.

    torch.onnx ran the same optimizer: a graph straight from it keeps all its nodes, one that was
    merged or built by hand may lose some.
    """
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
    # Without onnxscript's rewrite rules: torch.onnx has applied them, and they take minutes.
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
