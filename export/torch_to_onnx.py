"""A torch module of token ids as a graph, through torch.onnx's dynamo exporter."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import onnx
import torch
from onnxscript import OnnxFunction
from torch import nn

from export.errors import ConversionError
from export.quiet import quiet

OPSET = 20


def torch_to_onnx(
    module: nn.Module,
    outputs: tuple[str, ...],
    operators: Mapping[Callable[..., Any], OnnxFunction[..., Any]] = MappingProxyType({}),
) -> onnx.ModelProto:
    """input_ids, attention_mask int64[N, T] with free N and T, weights in fp32.

    `operators` says in ONNX what torch operators of our own do.

    Raises:
        ConversionError: an operator has no ONNX form.
    """
    ids = torch.randint(5, 100, (2, 17))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with tempfile.TemporaryDirectory() as folder, quiet("torch.onnx", "onnxscript"):
        path = Path(folder) / "model.onnx"
        try:
            torch.onnx.export(
                module,
                (ids, mask),
                path,
                dynamo=True,
                opset_version=OPSET,
                input_names=["input_ids", "attention_mask"],
                output_names=list(outputs),
                dynamic_shapes={"input_ids": free, "attention_mask": free},
                external_data=True,
                # The pass `optimize` does what is of use, in a tenth of the time.
                optimize=False,
                verbose=False,
                custom_translation_table=dict(operators),
            )
        except torch.onnx.OnnxExporterError as exc:
            raise ConversionError(f"torch.onnx cannot export the model: {exc}") from exc
        return onnx.load(path)
