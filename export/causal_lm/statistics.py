"""What a language model expected at each token of a text, and what it got."""

from typing import NamedTuple

import torch
from torch import Tensor

# The logits of 16 windows of 512 tokens over 49,152 words take 1.6 GB: so many rows at a time.
CHUNK = 64
# Logits within half of this of the target's count in part towards its rank. A plain count would
# jump where two logits differ by rounding only, and with it the text's probability.
RANK_BLUR = 0.1


class TokenStatistics(NamedTuple):
    """What was expected of a text's tokens, and what came; float32[N, tokens] each."""

    log_probability: Tensor
    log_rank: Tensor
    expected: Tensor
    """Mean log-probability over the vocabulary: minus the entropy."""
    variance: Tensor
    """Variance of the log-probability over the vocabulary."""
    highest: Tensor
    """Log-probability of the likeliest token."""


def token_statistics(states: Tensor, input_ids: Tensor, table: Tensor) -> TokenStatistics:
    """Statistics of ids[:, 1:], float32[N, T-1]; arguments as those of `statistics_of_places`."""
    found = statistics_of_places(states, input_ids, table)
    return TokenStatistics(*(values[:, :-1] for values in found))


def statistics_of_places(states: Tensor, input_ids: Tensor, table: Tensor) -> TokenStatistics:
    """Statistics of the token after each place, float32[N, T].

    `states` float32[N, T, width] are the decoder's last, `table` float32[vocabulary, width] turns
    one of them into logits, `input_ids` are int64[N, T], padded on the right.

    Nothing follows a text's last place, and its statistics mean nothing; but without it a text of
    one token would leave tensors without elements, which onnxruntime-web 1.30 does not add up.
    """
    n, length = input_ids.shape
    following = torch.cat([input_ids.flatten()[1:], input_ids.flatten()[:1]])
    rows = statistics_of_rows(states.flatten(0, 1), following, table)
    return TokenStatistics(*(row.view(n, length) for row in rows.unbind(0)))


@torch.library.custom_op("samegraph::statistics_of_rows", mutates_args=())
def statistics_of_rows(states: Tensor, targets: Tensor, table: Tensor) -> Tensor:
    """TokenStatistics of states float32[R, width] before targets int64[R], float32[5, R].

    CHUNK rows at a time. The exporter writes this operator as a loop: see `statistics_to_onnx`.
    """
    chunks = zip(torch.split(states, CHUNK), torch.split(targets, CHUNK), strict=True)
    return torch.cat(
        [statistics_of_chunk(rows @ table.t(), wanted) for rows, wanted in chunks], dim=1
    )


@statistics_of_rows.register_fake
def _(states: Tensor, targets: Tensor, table: Tensor) -> Tensor:
    return states.new_empty(len(TokenStatistics._fields), states.shape[0])


STATISTICS_OF_ROWS = torch.ops.samegraph.statistics_of_rows.default


def statistics_of_chunk(logits: Tensor, targets: Tensor) -> Tensor:
    """Of logits float32[rows, vocabulary] and what came, int64[rows]: float32[5, rows].

    In float64: in float32 torch's log_softmax of so many words is off by 1e-5, always in one way.
    """
    log_probabilities = logits.double().log_softmax(-1)
    target = log_probabilities.gather(-1, targets.unsqueeze(-1))
    weighted = log_probabilities.exp() * log_probabilities
    expected = weighted.sum(-1)
    square = (weighted * log_probabilities).sum(-1)
    # The target itself counts by half.
    above = ((log_probabilities - target) / RANK_BLUR + 0.5).clamp(0, 1).sum(-1) + 0.5
    variance = (square - expected * expected).clamp(min=0)
    statistics = TokenStatistics(
        target.squeeze(-1), above.log(), expected, variance, log_probabilities.amax(-1)
    )
    return torch.stack(statistics).to(logits.dtype)
