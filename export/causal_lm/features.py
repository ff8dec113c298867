"""What the statistics of its tokens say about a text's author, in a few numbers."""

import torch
from torch import Tensor

from export.causal_lm.statistics import TokenStatistics

FEATURES = (
    "mean_log_probability",
    "mean_log_rank",
    "entropy",
    "curvature",
    "likelihood_rank_ratio",
    "log_probability_deviation",
    "log_probability_skewness",
    "surprise_below_one",
    "share_of_high_ranks",
    "mean_highest_log_probability",
    "mean_variance",
    "entropy_deviation",
    "entropy_autocorrelation",
    "expectation_correlation",
)
# Keep roots and quotients finite: of a text without tokens, or one without surprises.
_TINY = 1e-6
_RANK_FLOOR = 0.05
_VARIANCE_FLOOR = 0.1


def text_features(statistics: TokenStatistics, scored: Tensor) -> Tensor:
    """FEATURES of each text, float32[N, F]; `scored` is 1 where a token counts, else 0.

    Entropy and log-rank: Gehrmann et al., "GLTR" (2019). Curvature: Bao et al., "Fast-DetectGPT"
    (2024), equation 4. Ratio of likelihood to rank: Su et al., "DetectLLM" (2023). The rest says
    how evenly a text surprises: people's texts do so in bursts. All are finite, of a text without
    tokens too.
    """
    log_probability, log_rank, expected, variance, highest = statistics
    mean = _Mean(scored)
    likelihood, rank = mean(log_probability), mean(log_rank)
    deviation = (log_probability - likelihood.unsqueeze(-1)) * scored
    change = (expected - mean(expected).unsqueeze(-1)) * scored
    spread = mean(deviation**2) + _VARIANCE_FLOOR
    bustle = mean(change**2) + _VARIANCE_FLOOR
    surprise = ((log_probability - expected) * scored).sum(-1)
    features = [
        likelihood,
        rank,
        -mean(expected),
        surprise / ((variance * scored).sum(-1) + _TINY).sqrt(),
        -likelihood / (rank + _RANK_FLOOR),
        spread.sqrt(),
        mean(deviation**3) / spread**1.5,
        mean(-log_probability.clamp(min=-1)),
        mean((log_rank - 1).clamp(0, 1)),
        mean(highest),
        mean(variance),
        bustle.sqrt(),
        (change * _next(change)).sum(-1) / mean.count / bustle,
        mean(deviation * change) / (spread * bustle).sqrt(),
    ]
    return torch.stack(features, dim=-1)


def _next(values: Tensor) -> Tensor:
    """For each token the next one's value, and 0 for the last; float32[N, T] of the same."""
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)


class _Mean:
    """The mean over a text's scored tokens, float32[N] of float32[N, T]."""

    def __init__(self, scored: Tensor) -> None:
        self.count = scored.sum(-1).clamp(min=1)
        self._scored = scored

    def __call__(self, values: Tensor) -> Tensor:
        return (values * self._scored).sum(-1) / self.count
