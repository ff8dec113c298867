"""The part of a causal language model that reads: from token ids to states."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class Decoder(nn.Module):
    """The model without its head over the vocabulary.

    Padding is on the right, so that the causal mask alone keeps it from the text.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model.get_decoder()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:
        """States float32[N, T, width] of the embedding and of each layer, for int64[N, T]."""
        states: tuple[Tensor, ...] = self.model(
            input_ids=input_ids, use_cache=False, output_hidden_states=True
        ).hidden_states
        return states


def layer_means(states: tuple[Tensor, ...], attention_mask: Tensor) -> Tensor:
    """Means over a text's tokens of every layer's states, float32[N, (layers + 1) * width].

    Without the first token, which frames the text: a decoder parks attention there, and its states
    dwarf all others. 0 for a text without tokens of its own.
    """
    after_first = torch.cat([torch.zeros_like(attention_mask[:, :1]), attention_mask[:, 1:]], dim=1)
    mask = after_first.unsqueeze(-1).to(states[0].dtype)
    count = mask.sum(1).clamp(min=1.0)
    return torch.cat([(state * mask).sum(1) / count for state in states], dim=-1)
