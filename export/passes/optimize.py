"""optimize: constants folded, dead nodes and second copies dropped, for the same answer."""

from typing import TYPE_CHECKING

import onnx

from export.memory import give_back
from export.passes.to_onnx import Graph

if TYPE_CHECKING:
    import onnx_ir as ir


def optimize(graph: Graph) -> Graph:
    """The graph without what a converter leaves behind. A text-in graph stays as it is.

    Any other is used up.
    """
    if graph.loaded.source.input.kind == "text":
        return graph
    return Graph(graph.loaded, optimized(graph.take()))


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
    del model
    optimizer.fold_constants(graph)
    common.RemoveUnusedNodesPass()(graph)
    _own_tensors(graph)
    give_back()
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


def _own_tensors(graph: "ir.Model") -> None:
    """Copies of all numbers: one that stays keeps the whole model that it came from in memory.

    In C order: folding a Transpose leaves a view, whose bytes onnx_ir cannot compare.
    """
    import onnx_ir as ir

    def own(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
        if tensor.dtype is ir.DataType.STRING:
            return tensor
        return ir.Tensor(tensor.numpy().copy(order="C"), name=tensor.name)

    nodes = tuple(graph.graph.all_nodes())
    outputs = (value for node in nodes for value in node.outputs)
    for value in (*graph.graph.initializers.values(), *outputs):
        if value.const_value is not None:
            value.const_value = own(value.const_value)
    for node in nodes:
        for name, attribute in tuple(node.attributes.items()):
            if attribute.type is ir.AttributeType.TENSOR:
                node.attributes[name] = ir.AttrTensor(name, own(attribute.value))
