"""Graphs that read token ids: a text is one row per window; the only file with tokenizers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
from tokenizers import Tokenizer

from registry import Artifact
from registry.manifest import InputSpec, Normalizer, Window
from registry.normal_forms import NORMALIZERS
from registry.token_log_probabilities import TokenLogProbabilities, token_places
from registry.windows import Encoding, encodings, pooled, window_bounds
from runtime_server.engine import Score
from runtime_server.errors import EngineError
from runtime_server.graph_input import TOKEN_LOG_PROBABILITIES, Feed, RowAnswer
from runtime_server.verified_files import verified_bytes


@dataclass(frozen=True)
class TokenizedText:
    """A text's windows, and how many tokens it has (windows may overlap).

    `places` says where the tokens are; None where nobody asks, or it is not known.
    """

    tokens: int
    windows: tuple[Encoding, ...]
    places: tuple[int, ...] | None = None

    def score(self, answers: Sequence[RowAnswer], spec: InputSpec) -> Score:
        """The probabilities of its windows, pooled."""
        contents = [encoding.content for encoding in self.windows]
        probability = pooled([answer.probability for answer in answers], contents, _window(spec))
        return Score(
            probability,
            self.tokens,
            windows=len(self.windows),
            truncated=any(encoding.cut for encoding in self.windows),
            token_log_probabilities=self._log_probabilities(answers, spec),
        )

    def _log_probabilities(
        self, answers: Sequence[RowAnswer], spec: InputSpec
    ) -> TokenLogProbabilities | None:
        if self.places is None or spec.special_tokens is None:
            return None
        first = len(spec.special_tokens.prefix) - 1  # the graph has none for a window's first id
        values: list[float] = []
        bounds = window_bounds(self.tokens, _window(spec))
        for (start, end), answer in zip(bounds, answers, strict=True):
            # A token of two windows counts in the former: more stands before it there.
            own = (answer.token_log_probabilities or ())[first : first + end - start]
            values.extend(own[len(values) - start :])
        return TokenLogProbabilities(self.places, tuple(values))


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window, as long as its ids and those of its companions."""

    encoding: Encoding
    token_level: bool = False

    @property
    def tokens(self) -> int:
        """All ids."""
        return len(self.encoding.ids) + sum(map(len, self.encoding.companions))

    @property
    def padded(self) -> int:
        """The same: encodings of one text are about equally long."""
        return self.tokens


@dataclass(frozen=True)
class TokenRows:
    """Windows of several texts, one after the other."""

    texts: tuple[TokenizedText, ...]
    rows: tuple[WindowRow, ...]
    spec: InputSpec

    def scores(self, answers: Sequence[RowAnswer]) -> tuple[Score, ...]:
        """Each text's probabilities, pooled."""
        rest = iter(answers)
        return tuple(
            text.score(tuple(islice(rest, len(text.windows))), self.spec) for text in self.texts
        )


@dataclass(frozen=True)
class TokenInput:
    """A GraphInput for artifacts of kind tokens. Specification: docs/windows.md.

    `token_level` says that the graph knows how probable each token of a text is.
    """

    tokenizers: tuple["NamedTokenizer", ...]
    spec: InputSpec
    token_level: bool = False

    @classmethod
    def load(cls, artifact: Artifact) -> Self:
        """With exactly the tokenizers that the manifest names.

        Raises:
            EngineError: artifact_missing, digest_mismatch, load_failed.
        """
        spec = artifact.manifest.input
        normalizers = (spec.normalizer, *(other.normalizer for other in spec.companions))
        tokenizers = tuple(
            NamedTokenizer(name, _tokenizer(verified_bytes(artifact, name), name), normalizer)
            for name, normalizer in zip(spec.tokenizers, normalizers, strict=True)
        )
        return cls(tokenizers, spec, _knows_tokens(artifact))

    def rows(self, texts: Sequence[str], token_level: bool = False) -> TokenRows:
        """One row per window."""
        asks = token_level and self.token_level
        encoded = (tokenizer.ids(texts) for tokenizer in self.tokenizers)
        tokenized = tuple(
            TokenizedText(
                len(ids),
                encodings(ids, self.spec, others),
                self.tokenizers[0].places(text, ids) if asks else None,
            )
            for text, ids, *others in zip(texts, *encoded, strict=True)
        )
        flat = (WindowRow(window, asks) for text in tokenized for window in text.windows)
        return TokenRows(tokenized, tuple(flat), self.spec)

    def feed(self, rows: Sequence[WindowRow]) -> Feed:
        """`input_ids: int64[N,T]` and `attention_mask: int64[N,T]`, T the longest row's length.

        The same for each companion, under its name.
        """
        windows = [row.encoding for row in rows]
        feed = _padded([window.ids for window in windows], _pad(self.spec))
        for number, companion in enumerate(self.spec.companions):
            ids = [window.companions[number] for window in windows]
            feed |= _padded(ids, companion.special_tokens.pad, f"{companion.name}_")
        return feed


@dataclass(frozen=True)
class NamedTokenizer:
    """One of the artifact's tokenizers, its file's name, and the normal form that it reads."""

    name: str
    tokenizer: Any
    normalizer: Normalizer

    def ids(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Each text's ids, without special tokens. Raises EngineError: tokenize_failed."""
        forms = list(map(NORMALIZERS[self.normalizer], texts))
        try:
            # "fast" is without the offsets; the ids are those of `encode`.
            encoded = self.tokenizer.encode_batch_fast(forms, add_special_tokens=False)
        except Exception as exc:  # tokenizers' errors have no base class of their own
            detail = f"{self.name} failed on the batch"
            raise EngineError("tokenize_failed", detail, counts=False) from exc
        return [encoding.ids for encoding in encoded]

    def places(self, text: str, ids: Sequence[int]) -> tuple[int, ...] | None:
        """Where its tokens are; None unless each character of a token stands for a byte."""
        lengths = [len(self.tokenizer.id_to_token(one)) for one in ids]
        return token_places(NORMALIZERS[self.normalizer](text), lengths)


def _knows_tokens(artifact: Artifact) -> bool:
    manifest = artifact.manifest
    spec = manifest.input
    return (
        any(output.name == TOKEN_LOG_PROBABILITIES for output in manifest.outputs)
        and spec.normalizer == "identity"  # others move characters
        and spec.special_tokens is not None
        and len(spec.special_tokens.prefix) > 0  # else nothing foretells the first token
    )


def _padded(rows: Sequence[Sequence[int]], pad: int, prefix: str = "") -> dict[str, Any]:
    shape = (len(rows), max(map(len, rows)))
    input_ids = np.full(shape, pad, np.int64)
    attention_mask = np.zeros(shape, np.int64)
    for place, ids in enumerate(rows):
        input_ids[place, : len(ids)] = ids
        attention_mask[place, : len(ids)] = 1
    return {f"{prefix}input_ids": input_ids, f"{prefix}attention_mask": attention_mask}


def _window(spec: InputSpec) -> Window:
    if spec.window is None:
        raise ValueError("only an input of kind tokens has windows")
    return spec.window


def _pad(spec: InputSpec) -> int:
    if spec.special_tokens is None:
        raise ValueError("only an input of kind tokens is padded")
    return spec.special_tokens.pad


def _tokenizer(content: bytes, name: str) -> Any:  # noqa: ANN401
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except ValueError as exc:
        raise EngineError("load_failed", f"tokenizers refused {name}") from exc
    # Where to cut and what to fill with is said by the manifest.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
