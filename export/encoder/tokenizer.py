"""A checkpoint's tokenizer, and the special tokens with which it frames a text."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from export.errors import RecipeError
from registry.manifest import TOKENIZER_FILE, SpecialTokens


@dataclass(frozen=True)
class EncoderTokenizer:
    """Without truncation and padding: windows are the manifest's business."""

    tokenizer: Tokenizer
    special_tokens: SpecialTokens

    @property
    def json(self) -> bytes:
        """The bytes of tokenizer.json."""
        content: str = self.tokenizer.to_str()
        return content.encode()


def load_tokenizer(folder: Path) -> EncoderTokenizer:
    """Read the checkpoint's tokenizer. Raises RecipeError."""
    if not (folder / TOKENIZER_FILE).is_file():
        raise RecipeError(
            f'{folder} has no {TOKENIZER_FILE}: `python -c "from transformers import AutoTokenizer '
            f"as T; T.from_pretrained('{folder}').save_pretrained('{folder}')\"` writes it"
        )
    try:
        fast = AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            folder, use_fast=True, trust_remote_code=False
        )
    except Exception as exc:  # tokenizers exports no class for its errors
        raise RecipeError(f"the tokenizer of {folder} cannot be loaded: {exc}") from exc
    if not fast.is_fast or fast.pad_token_id is None:
        raise RecipeError(f"{folder}: {type(fast).__name__} is no fast tokenizer with a pad token")
    tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return EncoderTokenizer(tokenizer, _special_tokens(tokenizer, fast.pad_token_id))


def _special_tokens(tokenizer: Tokenizer, pad: int) -> SpecialTokens:
    """What the post-processor puts around a text. Raises RecipeError."""
    encoding = tokenizer.encode("a")
    content = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
    if not content:
        raise RecipeError(
            'the tokenizer gives no token for "a": nothing shows how it frames a text'
        )
    return SpecialTokens(
        prefix=tuple(encoding.ids[: content[0]]),
        suffix=tuple(encoding.ids[content[-1] + 1 :]),
        pad=pad,
    )
