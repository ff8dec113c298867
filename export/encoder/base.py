"""A pretrained encoder's weights and tokenizer, as transformers loads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModel, PreTrainedModel

from export.encoder.architecture import read_config
from export.encoder.location import checkpoint_folder
from export.encoder.tokenizer import EncoderTokenizer, load_tokenizer
from export.errors import RecipeError
from export.quiet import quiet

# No layer's mean needs it, and checkpoints of other tasks lack it.
_UNUSED = "pooler."


@dataclass(frozen=True)
class EncoderBase:
    """A pretrained encoder in fp32, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: EncoderTokenizer


def load_base(
    reference: str,
    *,
    max_tokens: int = 1,
    relative_to: Path = Path(),
    revision: str | None = None,
) -> EncoderBase:
    """Load `package:NAME`, a folder, or a hub id; `max_tokens` ids must fit into it.

    Raises:
        RecipeError: the message says what is missing.
    """
    folder = checkpoint_folder(reference, relative_to, revision)
    read_config(folder, max_tokens)
    model, missing = load_weights(AutoModel, folder)
    if absent := [name for name in missing if not name.startswith(_UNUSED)]:
        raise RecipeError(f"{folder} lacks weights of its encoder: {', '.join(absent[:3])}")
    return EncoderBase(model, load_tokenizer(folder))


def load_weights(auto_class: Any, folder: Path) -> tuple[PreTrainedModel, tuple[str, ...]]:  # noqa: ANN401 (transformers' Auto classes share no type)
    """The checkpoint as this Auto class in fp32, and the names of weights that it lacks.

    Raises:
        RecipeError: there are no safetensors, or they do not fit the configuration.
    """
    _require_safetensors(folder)
    try:
        with quiet("transformers"):
            model, loading = auto_class.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation="eager",
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise RecipeError(f"the weights in {folder} cannot be loaded: {exc}") from exc
    missing: Iterable[str] = loading["missing_keys"]
    return model.eval(), tuple(sorted(missing))


def _require_safetensors(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("*.bin")):
        raise RecipeError(
            f"{folder} holds its weights as a pickle, which can run any code when it is read. "
            'Where you trust it, convert it once: `python -c "from transformers import '
            f"AutoModelForSequenceClassification as M; M.from_pretrained('{folder}')"
            f".save_pretrained('{folder}')\"` writes model.safetensors"
        )
    raise RecipeError(f"{folder} holds no *.safetensors")
