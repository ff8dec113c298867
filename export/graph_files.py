"""A graph on disk: model.onnx, and model.onnx.data beside it where the weights are many."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from export.errors import ConversionError
from export.graph_stream import write_model
from registry.manifest import MODEL_FILE, Manifest

DATA_FILE = f"{MODEL_FILE}.data"
# protobuf ends at 2 GiB, and a graph file is read into memory before its weights are.
EXTERNAL_DATA_BYTES = 1_000_000_000
# What shapes and indices need stays in the graph, where shape inference reads it.
MIN_EXTERNAL_BYTES = 1024


@dataclass(frozen=True)
class GraphFiles:
    """The folder that holds a graph, and the names of the graph's files, model.onnx first."""

    folder: Path
    names: tuple[str, ...]

    @property
    def model(self) -> Path:
        """model.onnx, which a session loads; onnxruntime finds the data beside it."""
        return self.folder / MODEL_FILE

    @property
    def bytes(self) -> int:
        """Their size together."""
        return sum((self.folder / name).stat().st_size for name in self.names)

    @property
    def has_external_data(self) -> bool:
        """Whether the weights lie beside the graph."""
        return DATA_FILE in self.names


def write_graph(model: onnx.ModelProto, folder: Path, *, external_data: bool) -> GraphFiles:
    """Write and check the graph; the weights go beside it from 1 GB on, or where asked for.

    The same model gives the same bytes. `model` keeps no weights afterwards.

    Raises:
        ConversionError: the graph is not valid ONNX.
    """
    path = folder / MODEL_FILE
    names: tuple[str, ...] = (MODEL_FILE,)
    if external_data or weight_bytes(model) > EXTERNAL_DATA_BYTES:
        (folder / DATA_FILE).unlink(missing_ok=True)  # onnx appends to it
        onnx.save_model(
            model,
            path,
            save_as_external_data=True,
            location=DATA_FILE,
            size_threshold=MIN_EXTERNAL_BYTES,
        )
        names = (MODEL_FILE, DATA_FILE)
    else:
        write_model(model, path)
        _drop_weights(model)
    try:
        # Without the weights, which the checker would copy twice; onnxruntime reads them all later.
        onnx.checker.check_model(path if DATA_FILE in names else model)
    except onnx.checker.ValidationError as exc:
        raise ConversionError(f"the graph is not valid ONNX: {exc}") from exc
    return GraphFiles(folder, names)


def _drop_weights(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > MIN_EXTERNAL_BYTES:
            tensor.ClearField("raw_data")
            tensor.dims[:] = [0]  # the checker compares


def graph_bytes(manifest: Manifest) -> int:
    """Bytes of a published artifact's graph, with its weights."""
    return sum(file.bytes for file in manifest.files if file.path in (MODEL_FILE, DATA_FILE))


def weight_bytes(model: onnx.ModelProto) -> int:
    """Bytes of the weights that the model holds in memory."""
    return sum(tensor.ByteSize() for tensor in model.graph.initializer)
