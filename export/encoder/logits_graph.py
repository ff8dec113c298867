"""A transformers classifier as a graph of its logits."""

import tempfile
from pathlib import Path

import onnx
from optimum.exporters.onnx import onnx_export_from_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from export.errors import ConversionError
from export.graph_files import EXTERNAL_DATA_BYTES
from export.quiet import quiet
from export.torch_to_onnx import OPSET, torch_to_onnx

LOGITS = "logits"


class Logits(nn.Module):
    """The classifier as a function of two tensors."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """input_ids, attention_mask int64[N, T] to float32[N, labels]."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def logits_graph(
    model: PreTrainedModel, optimum_bytes: int = EXTERNAL_DATA_BYTES
) -> onnx.ModelProto:
    """Token ids int64[N, T], as many inputs as the architecture has, to logits float32[N, labels].

    Through optimum up to `optimum_bytes` of weights. Above, through torch.onnx's dynamo exporter:
    it takes longer, but where optimum holds four times the weights, it holds them twice.

    Raises:
        ConversionError: the exporter cannot export the model.
    """
    if sum(parameter.nbytes for parameter in model.parameters()) > optimum_bytes:
        return torch_to_onnx(Logits(model).eval(), (LOGITS,))
    with tempfile.TemporaryDirectory() as folder, quiet("transformers", "optimum", "torch.onnx"):
        try:
            onnx_export_from_model(
                model, folder, task="text-classification", opset=OPSET, do_validation=False
            )
        except (RuntimeError, ValueError, KeyError) as exc:
            raise ConversionError(f"optimum cannot export the model: {exc}") from exc
        return onnx.load(Path(folder) / "model.onnx")
