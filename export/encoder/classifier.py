"""The module that becomes the graph: encoder, pooling of all its layers, calibrated head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class LinearHead:
    """Logistic head over centred layer features: mean, weight float32[width], bias float32[].

    The mean is taken off first: folded into the bias it would cancel large sums against each
    other, and padding would show in the fifth decimal of a probability.
    """

    mean: Tensor
    weight: Tensor
    bias: Tensor


class LayerMeans(nn.Module):
    """Masked mean over tokens of every layer's hidden state, float32[N, layers * width].

    Lower layers keep the style that the last one gives up for meaning.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """input_ids, attention_mask int64[N, T], to float32[N, layers * width]."""
        states = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        ).hidden_states
        mask = attention_mask.unsqueeze(-1).float()
        count = mask.sum(1).clamp(min=1.0)
        return torch.cat([(state.float() * mask).sum(1) / count for state in states], dim=-1)


class EncoderClassifier(nn.Module):
    """input_ids, attention_mask int64[N, T] to probability float32[N]."""

    def __init__(self, encoder: PreTrainedModel, head: LinearHead) -> None:
        super().__init__()
        self.features = LayerMeans(encoder)
        self.register_buffer("mean", head.mean)
        self.register_buffer("weight", head.weight)
        self.register_buffer("bias", head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Probability of AI."""
        features = self.features(input_ids, attention_mask)
        return torch.sigmoid(((features - self.mean) * self.weight).sum(-1) + self.bias)
