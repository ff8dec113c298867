"""Which encoders export with the same numbers, and how long a text each can read."""

from pathlib import Path

from transformers import AutoConfig, PretrainedConfig

from export.errors import RecipeError

# Tried with the pinned versions, each in tests/export/test_encoder_kinds.py.
ARCHITECTURES = (
    "bert",
    "deberta-v2",
    "distilbert",
    "electra",
    "modernbert",
    "mpnet",
    "roberta",
    "xlm-roberta",
)
# Their position ids start behind the padding id.
_POSITIONS_AFTER_PADDING = ("mpnet", "roberta", "xlm-roberta")


def read_config(folder: Path, max_tokens: int) -> PretrainedConfig:
    """The checkpoint's config.json. Raises RecipeError unless it is an encoder we can export.

    Args:
        folder: the checkpoint's.
        max_tokens: ids of the longest window, with its special tokens.
    """
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as exc:
        raise RecipeError(f"{folder} has no usable config.json: {_first_line(exc)}") from exc
    if config.model_type not in ARCHITECTURES or config.is_decoder:
        raise RecipeError(
            f"{folder}: {config.model_type!r} is not an encoder that is known to export "
            f"({', '.join(ARCHITECTURES)} are); decoders are sources of kind causal_lm"
        )
    if max_tokens > max_positions(config):
        raise RecipeError(
            f"input.max_tokens is {max_tokens}, but {folder} reads at most {max_positions(config)}"
        )
    return config


def max_positions(config: PretrainedConfig) -> int:
    """How many ids the encoder reads at once, special tokens included."""
    positions: int = config.max_position_embeddings
    if config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= (config.pad_token_id or 0) + 1
    return positions


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0]
