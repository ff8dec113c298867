"""The tokenizer.json of a causal language model, and the token that every window begins with.

A GGUF file holds vocabulary and merges but no tokenizer.json; transformers' own conversion of it
adds a token and splits numbers otherwise than the model was trained on, so it is built here.
"""

import json
from pathlib import Path

from gguf import GGUFReader, TokenType
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from export.causal_lm.location import WeightFiles
from export.errors import ConversionError, RecipeError
from registry.manifest import TOKENIZER_FILE, SpecialTokens

END_OF_TEXT = "<|endoftext|>"
# llama.cpp's names of byte-level BPE: whether each digit is a piece of its own.
_SPLITS_DIGITS = {"smollm": True, "starcoder": True, "gpt-2": False, "default": False}


def tokenizer_json(files: WeightFiles) -> bytes:
    """The bytes of tokenizer.json: the file beside the weights, else built from the GGUF.

    Raises:
        RecipeError: a folder of safetensors has none.
        ConversionError: the GGUF's tokenizer is of a kind that is not known here.
    """
    if files.tokenizer is not None:
        return files.tokenizer.read_bytes()
    if files.gguf is None:
        missing = files.folder / TOKENIZER_FILE
        raise RecipeError(f"{missing} is missing; save the model's fast tokenizer there")
    built = _from_gguf(files.gguf).to_str()
    return json.dumps(json.loads(built), ensure_ascii=False, separators=(",", ":")).encode()


def special_tokens(tokenizer: bytes, bos_token_id: int | None) -> SpecialTokens:
    """One prefix token, also used to pad, so that the text's first token is scored too.

    `<|endoftext|>` where the vocabulary has it: it parted documents in pretraining, so what it
    predicts is how a document begins (a chat model's own BOS announces a turn instead). Else BOS.
    """
    end_of_text = Tokenizer.from_str(tokenizer.decode()).token_to_id(END_OF_TEXT)
    prefix = bos_token_id if end_of_text is None else end_of_text
    if prefix is None:
        raise ConversionError(f"the tokenizer has neither {END_OF_TEXT} nor a BOS token")
    return SpecialTokens(prefix=(prefix,), suffix=(), pad=prefix)


def _from_gguf(path: Path) -> Tokenizer:
    fields = GGUFReader(path).fields
    kind = fields["tokenizer.ggml.model"].contents()
    pre = fields["tokenizer.ggml.pre"].contents() if "tokenizer.ggml.pre" in fields else "default"
    if kind != "gpt2" or pre not in _SPLITS_DIGITS:
        raise ConversionError(
            f"{path.name}: a tokenizer of kind {kind}/{pre} cannot be rebuilt from GGUF; "
            f"put the model's {TOKENIZER_FILE} beside it"
        )
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    types = fields["tokenizer.ggml.token_type"].contents()
    control = [
        token for token, kind in zip(tokens, types, strict=True) if kind == TokenType.CONTROL
    ]
    return _byte_level_bpe(tokens, merges, control, splits_digits=_SPLITS_DIGITS[pre])


def _byte_level_bpe(
    tokens: list[str], merges: list[tuple[str, str]], control: list[str], *, splits_digits: bool
) -> Tokenizer:
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    if splits_digits:
        # Not `Digits`: its JavaScript twin knows the ten ASCII digits only.
        steps.insert(0, pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in control]
    )
    return tokenizer
