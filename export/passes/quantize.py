"""quantize: store the weights as the recipe's scheme says, and fix the graph's bytes."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from export.causal_lm.location import find_weights
from export.errors import ConversionError
from export.graph_files import GraphFiles, write_graph
from export.passes.load import LoadedModel
from export.passes.to_onnx import Graph
from export.recipe import CausalLMSource, Recipe
from export.signature import require_signature
from registry.manifest import QuantizationScheme

# All that opset 20 needs, and onnxruntime reads it since 1.17.
IR_VERSION = 9


@dataclass(frozen=True)
class QuantizedGraph:
    """The graph's files as they will be shipped: the same model gives the same bytes.

    Making one raises ConversionError unless quantization kept what the graph reads and gives.
    """

    loaded: LoadedModel
    files: GraphFiles
    opset: int
    ir_version: int

    def __post_init__(self) -> None:
        source = self.loaded.source
        written = onnx.load(self.files.model, load_external_data=False)
        require_signature(written, source.input, source.outputs)


def quantize(graph: Graph, folder: Path) -> QuantizedGraph:
    """Apply the scheme, write into `folder`. Raises ConversionError.

    A text-in source is quantized by its training and stays as it is. `graph` is used up.
    """
    recipe = graph.loaded.recipe
    model = graph.take()
    if graph.loaded.source.input.kind == "tokens":
        model = _quantized(model, recipe)
    model.ir_version = min(model.ir_version, IR_VERSION)
    _strip_notes(model)
    return QuantizedGraph(
        loaded=graph.loaded,
        files=write_graph(model, folder, external_data=recipe.external_data),
        opset=next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")),
        ir_version=model.ir_version,
    )


def _quantized(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto:
    # Imported here: a text pipeline must build where onnx_ir is not installed.
    from export.quantization.overflow import require_right_products
    from export.quantization.schemes import quantized

    if recipe.quantization.scheme is QuantizationScheme.GGUF_EXACT:
        return _repacked(model, recipe)
    require_right_products(recipe.quantization)
    return quantized(model, recipe.quantization)


def _repacked(model: onnx.ModelProto, recipe: Recipe) -> onnx.ModelProto:
    """gguf_exact takes more than the graph: the file that its weights were read from."""
    from export.quantization.gguf_exact import gguf_exact

    if not isinstance(recipe.source, CausalLMSource):
        raise ConversionError("gguf_exact is for sources of kind causal_lm")
    gguf = find_weights(recipe.source.base, recipe.folder).gguf
    if gguf is None:
        raise ConversionError(f"gguf_exact: the base {recipe.source.base!r} is no GGUF file")
    return gguf_exact(model, gguf)


def _strip_notes(model: onnx.ModelProto) -> None:
    # torch.onnx notes stack traces, with the folders of this machine, on every node.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
