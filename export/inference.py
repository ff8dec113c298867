"""From texts to probabilities by any function that runs one batch: a session, or the source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from registry import norm1
from registry.manifest import InputSpec
from registry.windows import Encoding, encodings, pooled

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Feeds = Mapping[str, npt.NDArray[Any]]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Run = Callable[[Feeds], Float32s]
BATCH = 16


@dataclass(frozen=True)
class PreparedText:
    """A text, its normal form, its token ids (null for text-in graphs), and its windows."""

    text: str
    normalized: str
    ids: tuple[int, ...] | None
    windows: tuple[Encoding, ...]


@dataclass(frozen=True)
class TextPreparation:
    """What has to happen to a text before the graph: docs/norm-1.md and docs/windows.md."""

    spec: InputSpec
    tokenizer: "Tokenizer | None"

    @classmethod
    def of(cls, spec: InputSpec, tokenizer_json: bytes | None) -> "TextPreparation":
        """For an artifact's input and its tokenizer.json."""
        if tokenizer_json is None:
            return cls(spec, None)
        # Imported here: text-in models are built without the package.
        from tokenizers import Tokenizer

        return cls(spec, Tokenizer.from_buffer(tokenizer_json))

    def prepare(self, text: str) -> PreparedText:
        """Normalise, tokenise, cut."""
        normalized = norm1(text) if self.spec.normalizer == "norm-1" else _identity(text)
        if self.tokenizer is None:
            return PreparedText(text, normalized, None, ())
        ids = tuple(self.tokenizer.encode(normalized, add_special_tokens=False).ids)
        return PreparedText(text, normalized, ids, encodings(ids, self.spec))

    def probabilities(
        self, run: Run, texts: Sequence[PreparedText], batch: int = BATCH
    ) -> Float64s:
        """P(AI) of each text, float64[N], `batch` texts or windows at a time, in their order."""
        if self.tokenizer is None:
            forms = [text.normalized for text in texts]
            parts = [run(text_feeds(forms[i : i + batch])) for i in range(0, len(forms), batch)]
            return np.concatenate(parts).astype(np.float64)
        windows = [window for text in texts for window in text.windows]
        feeds = (self.token_feeds(windows[i : i + batch]) for i in range(0, len(windows), batch))
        scores = iter(np.concatenate([run(feed) for feed in feeds]).tolist())
        return np.array([self._pool(text, scores) for text in texts])

    def token_feeds(self, windows: Sequence[Encoding]) -> Feeds:
        """input_ids, attention_mask int64[N, T], padded at the end."""
        assert self.spec.special_tokens is not None  # noqa: S101 (InputSpec checks it)
        longest = max(len(window.ids) for window in windows)
        ids = np.full((len(windows), longest), self.spec.special_tokens.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def _pool(self, text: PreparedText, scores: Iterator[float]) -> float:
        assert self.spec.window is not None  # noqa: S101 (InputSpec checks it)
        own = [next(scores) for _ in text.windows]
        return pooled(own, [window.content for window in text.windows], self.spec.window)


def text_feeds(normalized: Sequence[str]) -> Feeds:
    """Text string[N]."""
    return {"text": np.array(normalized, dtype=object)}


def _identity(text: str) -> str:
    whole = text.replace("\0", " ").encode("utf-16-le", "surrogatepass")
    return whole.decode("utf-16-le", "replace")
