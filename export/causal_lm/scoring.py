"""The module that becomes the graph: a language model, features of a text, a calibrated head."""

from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from export.causal_lm.decoder import Decoder, layer_means
from export.causal_lm.features import text_features
from export.causal_lm.head import ScoringHead
from export.causal_lm.statistics import STATISTICS_OF_ROWS, statistics_of_places
from export.causal_lm.statistics_to_onnx import statistics_operator
from export.torch_to_onnx import torch_to_onnx

PROBABILITY = "probability"
TOKEN_LOG_PROBABILITIES = "token_log_probabilities"  # noqa: S105
TEXT_FEATURES = "text_features"
LAYER_MEANS = "layer_means"
MEMBER_FEATURES = "features"


class Scorer(nn.Module):
    """input_ids, attention_mask int64[N, T], padded on the right, to the outputs asked for.

    - probability float32[N], of AI; needs the head
    - token_log_probabilities float32[N, T-1], of ids[:, 1:], 0 at padding
    - text_features float32[N, F], what the tokens' statistics say of the text
    - layer_means float32[N, (layers + 1) * width], the decoder's states
    - features: the last two side by side, for a head over both
    """

    table: Tensor

    def __init__(
        self, model: PreTrainedModel, outputs: Sequence[str], head: ScoringHead | None = None
    ) -> None:
        super().__init__()
        self.outputs = tuple(outputs)
        self.decoder = Decoder(model)
        self.table = model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
        self.head = head

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Each of the outputs, in their order, with one pass of the decoder."""
        states = self.decoder(input_ids)
        statistics = statistics_of_places(states[-1], input_ids, self.table)
        scored = _before_tokens(attention_mask).to(states[-1].dtype)
        features = text_features(statistics, scored)
        found = {
            TOKEN_LOG_PROBABILITIES: (statistics.log_probability * scored)[:, :-1],
            TEXT_FEATURES: features,
        }
        if {LAYER_MEANS, MEMBER_FEATURES}.intersection(self.outputs):
            means = layer_means(states, attention_mask)
            found |= {LAYER_MEANS: means, MEMBER_FEATURES: torch.cat([means, features], dim=-1)}
        if self.head is not None:
            found[PROBABILITY] = self.head(features, scored.sum(-1))
        return tuple(found[name] for name in self.outputs)

    def to_onnx(self) -> onnx.ModelProto:
        """Its graph, with free N and T, in fp32. Raises ConversionError."""
        operator = statistics_operator(vocabulary=len(self.table))
        return torch_to_onnx(self, self.outputs, {STATISTICS_OF_ROWS: operator})


def _before_tokens(attention_mask: Tensor) -> Tensor:
    """1 at each place that a token of the text follows, int64[N, T]."""
    return torch.cat([attention_mask[:, 1:], torch.zeros_like(attention_mask[:, :1])], dim=1)
