"""`python -m benchmarks.suites.export.own_graph FOLDER`: all-MiniLM-L6-v2 by this project.

The encoder's last states, exported and quantized by the exporter's own passes, in a process of its
own as the other exporters have one.
"""

import sys
from pathlib import Path

import torch

from export.encoder.base import load_base
from export.graph_files import write_graph
from export.quantization.int8_weight import int8_weight
from export.torch_to_onnx import torch_to_onnx
from export.training.minilm import BASE


class LastStates(torch.nn.Module):
    """Ids and mask, int64[N,T], to the last layer's states, float32[N,T,width]."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = load_base(BASE).model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The states, those of padding among them."""
        states: torch.Tensor = self.encoder(input_ids, attention_mask).last_hidden_state
        return states


def main(folder: Path) -> None:
    """Write `model.onnx` there."""
    folder.mkdir(parents=True)
    model = int8_weight(torch_to_onnx(LastStates().eval(), ("last_hidden_state",)))
    write_graph(model, folder, external_data=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
