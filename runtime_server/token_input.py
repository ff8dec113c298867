"""Graphs that read token ids: a text is one row per window; the only file with tokenizers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Self

import numpy as np
from tokenizers import Tokenizer

from registry import Artifact
from registry.manifest import TOKENIZER_FILE, InputSpec, Window
from registry.windows import Encoding, encodings, pooled
from runtime_server.engine import Score
from runtime_server.errors import EngineError
from runtime_server.graph_input import Feed
from runtime_server.micro_batches import micro_batches
from runtime_server.normal_form import NORMALIZERS
from runtime_server.verified_files import verified_bytes

# Tokens in a micro-batch, padding included. It bounds the memory of one run, which grows with
# the product of rows and length, and how long a run keeps the next request waiting.
PADDED_TOKENS: Final = 4096


@dataclass(frozen=True)
class TokenizedText:
    """A text's windows, and how many tokens it has (windows may overlap)."""

    tokens: int
    windows: tuple[Encoding, ...]

    def score(self, probabilities: Sequence[float], window: Window) -> Score:
        """The probabilities of its windows, pooled."""
        contents = [encoding.content for encoding in self.windows]
        probability = pooled(probabilities, contents, window)
        return Score(probability, self.tokens, windows=len(self.windows), truncated=False)


@dataclass(frozen=True)
class TokenRows:
    """Windows of several texts, one after the other; a micro-batch mixes them."""

    texts: tuple[TokenizedText, ...]
    encodings: tuple[Encoding, ...]
    window: Window
    pad: int

    def micro_batches(self) -> Iterator[tuple[int, ...]]:
        """Short windows first, so that little is padded."""
        return micro_batches([len(row.ids) for row in self.encodings], padded=PADDED_TOKENS)

    def feed(self, places: Sequence[int]) -> Feed:
        """`input_ids: int64[N,T]` and `attention_mask: int64[N,T]`, T the longest row's length."""
        rows = [self.encodings[place].ids for place in places]
        shape = (len(rows), max(map(len, rows)))
        input_ids = np.full(shape, self.pad, np.int64)
        attention_mask = np.zeros(shape, np.int64)
        for place, ids in enumerate(rows):
            input_ids[place, : len(ids)] = ids
            attention_mask[place, : len(ids)] = 1
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def scores(self, probabilities: Sequence[float]) -> tuple[Score, ...]:
        """Each text's probabilities, pooled."""
        rest = iter(probabilities)
        return tuple(
            text.score(tuple(islice(rest, len(text.windows))), self.window) for text in self.texts
        )


@dataclass(frozen=True)
class TokenInput:
    """A GraphInput for artifacts of kind tokens. Specification: docs/windows.md."""

    tokenizer: Any
    spec: InputSpec
    window: Window
    pad: int

    @classmethod
    def load(cls, artifact: Artifact) -> Self:
        """With exactly the tokenizer.json that the manifest names.

        Raises:
            EngineError: artifact_missing, digest_mismatch, load_failed.
        """
        spec = artifact.manifest.input
        if spec.window is None or spec.special_tokens is None:
            raise ValueError("only an input of kind tokens has windows")
        tokenizer = _tokenizer(verified_bytes(artifact, TOKENIZER_FILE))
        return cls(tokenizer, spec, spec.window, spec.special_tokens.pad)

    def rows(self, texts: Sequence[str]) -> TokenRows:
        """One row per window."""
        tokenized = tuple(map(self._cut, self._ids(texts)))
        flat = tuple(chain.from_iterable(text.windows for text in tokenized))
        return TokenRows(tokenized, flat, self.window, self.pad)

    def _ids(self, texts: Sequence[str]) -> Iterator[Sequence[int]]:
        forms = list(map(NORMALIZERS[self.spec.normalizer], texts))
        try:
            # "fast" is without the offsets; the ids are those of `encode`.
            encoded = self.tokenizer.encode_batch_fast(forms, add_special_tokens=False)
        except Exception as exc:  # tokenizers' errors have no base class of their own
            raise EngineError("tokenize_failed", f"{TOKENIZER_FILE} failed on the batch") from exc
        return (encoding.ids for encoding in encoded)

    def _cut(self, ids: Sequence[int]) -> TokenizedText:
        return TokenizedText(len(ids), encodings(ids, self.spec))


def _tokenizer(content: bytes) -> Any:  # noqa: ANN401
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except ValueError as exc:
        raise EngineError("load_failed", f"tokenizers refused {TOKENIZER_FILE}") from exc
    # Where to cut and what to fill with is said by the manifest.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
