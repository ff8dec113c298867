"""A transformers classifier as a graph of logits, through optimum's exporter."""

import tempfile
from pathlib import Path

import onnx
from optimum.exporters.onnx import onnx_export_from_model
from transformers import PreTrainedModel

from export.errors import ConversionError
from export.quiet import quiet
from export.torch_to_onnx import OPSET

LOGITS = "logits"


def optimum_to_onnx(model: PreTrainedModel) -> onnx.ModelProto:
    """Token ids int64[N, T], as many inputs as the architecture has, to logits float32[N, labels].

    Raises:
        ConversionError: optimum cannot export the model.
    """
    with tempfile.TemporaryDirectory() as folder, quiet("transformers", "optimum", "torch.onnx"):
        try:
            onnx_export_from_model(
                model, folder, task="text-classification", opset=OPSET, do_validation=False
            )
        except (RuntimeError, ValueError, KeyError) as exc:
            raise ConversionError(f"optimum cannot export the model: {exc}") from exc
        return onnx.load(Path(folder) / "model.onnx")
