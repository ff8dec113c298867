"""What a recipe has to say about a fine-tuned classifier, read from its checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from transformers import PretrainedConfig

from export.encoder.architecture import max_positions, read_config
from export.encoder.location import checkpoint_folder
from export.encoder.log_odds import log_odds
from export.encoder.tokenizer import load_tokenizer
from export.errors import RecipeError


@dataclass(frozen=True)
class Checkpoint:
    """Ids that it reads at once, how many of them are special, and what its classes are called.

    `ai_is_clear` says that the labels tell which class is AI.
    """

    positions: int
    special_tokens: int
    labels: tuple[str, ...]
    ai_is_clear: bool

    @classmethod
    def read(cls, base: str, relative_to: Path, revision: str | None) -> Self:
        """Of `package:NAME`, a folder, or a hub id. Raises RecipeError saying what is missing."""
        folder = checkpoint_folder(base, relative_to, revision)
        config = read_config(folder, max_tokens=1)
        return cls(
            positions=max_positions(config),
            special_tokens=load_tokenizer(folder).special_tokens.length,
            labels=tuple((config.id2label or {}).values()),
            ai_is_clear=_ai_is_clear(config),
        )


def _ai_is_clear(config: PretrainedConfig) -> bool:
    # With a choice made, what is still wrong is no matter of labels.
    log_odds(config, 1, None)
    try:
        log_odds(config, None, None)
    except RecipeError:
        return False
    return True
