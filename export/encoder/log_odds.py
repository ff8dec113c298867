"""From a checkpoint's logits to the calibrated log-odds of AI."""

from dataclasses import dataclass

from transformers import PretrainedConfig

from export.ai_label import ai_index
from export.calibration import Calibration, Platt
from export.errors import RecipeError


@dataclass(frozen=True)
class LogOdds:
    """An affine function of the logits: `weight` has one number for each of them."""

    weight: tuple[float, ...]
    bias: float


def log_odds(
    config: PretrainedConfig, ai_label: str | int | None, calibration: Calibration | None
) -> LogOdds:
    """Of softmax over two logits, or sigmoid of one, with the recipe's calibration.

    Softmax over two is the sigmoid of their difference. Temperature: Guo et al., "On calibration
    of modern neural networks" (2017); Platt, "Probabilistic outputs for support vector machines"
    (1999).

    Raises:
        RecipeError: the checkpoint has no such probability, or which label is AI is unclear.
    """
    _require_probability(config, calibration)
    slope, intercept = (calibration.slope, calibration.intercept) if calibration else (1.0, 0.0)
    labels = list((config.id2label or {}).values())
    if len(labels) == 1:
        # What a lone logit speaks for is called 1, what it speaks against 0.
        sign = 1 if ai_index((f"not {labels[0]}", labels[0]), _one(labels[0], ai_label)) else -1
        return LogOdds((sign * slope,), intercept)
    ai = ai_index((labels[0], labels[1]), ai_label)
    return LogOdds((slope, -slope) if ai == 0 else (-slope, slope), intercept)


def _one(label: str, ai_label: str | int | None) -> str | int | None:
    return 1 if ai_label is None and label == "LABEL_0" else ai_label


def _require_probability(config: PretrainedConfig, calibration: Calibration | None) -> None:
    if config.num_labels not in (1, 2):
        raise RecipeError(
            f"the checkpoint has {config.num_labels} labels, but a detector has 2 (or 1 logit)"
        )
    if config.num_labels == 2 and config.problem_type not in (None, "single_label_classification"):
        raise RecipeError(
            f"the checkpoint's problem_type is {config.problem_type!r}: its two logits are not "
            "those of one choice between two labels"
        )
    if config.problem_type == "regression" and not isinstance(calibration, Platt):
        raise RecipeError(
            "the checkpoint's problem_type is 'regression': its output is no log-odds. Fit Platt's "
            'two numbers to it and say [source.calibration] method = "platt" in the recipe'
        )
