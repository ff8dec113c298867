"""From texts to probabilities by any function that runs one batch: a session, or the source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from registry import Artifact
from registry.manifest import InputSpec
from registry.normal_forms import NORMALIZERS
from registry.windows import RUN_ROWS, Encoding, encodings, pooled

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Feeds = Mapping[str, npt.NDArray[Any]]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Run = Callable[[Feeds], Float32s]


@dataclass(frozen=True)
class PreparedText:
    """A text, its normal form, its token ids (null for text-in graphs), and its windows.

    `companion_ids` are its ids by each of the companions' tokenizers.
    """

    text: str
    normalized: str
    ids: tuple[int, ...] | None
    windows: tuple[Encoding, ...]
    companion_ids: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class TextPreparation:
    """What has to happen to a text before the graph: docs/norm-1.md and docs/windows.md."""

    spec: InputSpec
    tokenizers: "tuple[Tokenizer, ...]"

    @classmethod
    def of(cls, spec: InputSpec, tokenizers: Mapping[str, bytes]) -> "TextPreparation":
        """For an artifact's input and the contents of its tokenizer files, by name."""
        return cls(spec, tuple(_tokenizer(tokenizers[name]) for name in spec.tokenizers))

    @classmethod
    def of_artifact(cls, artifact: Artifact) -> "TextPreparation":
        """For a published artifact."""
        spec = artifact.manifest.input
        return cls.of(spec, {name: artifact.path(name).read_bytes() for name in spec.tokenizers})

    def prepare(self, text: str) -> PreparedText:
        """Normalise, tokenise, cut."""
        normalized = NORMALIZERS[self.spec.normalizer](text)
        if not self.tokenizers:
            return PreparedText(text, normalized, None, ())
        first, *others = self.tokenizers
        ids = _ids(first, normalized)
        companion_ids = tuple(
            _ids(tokenizer, NORMALIZERS[companion.normalizer](text))
            for tokenizer, companion in zip(others, self.spec.companions, strict=True)
        )
        windows = encodings(ids, self.spec, companion_ids)
        return PreparedText(text, normalized, ids, windows, companion_ids)

    def probabilities(
        self, run: Run, texts: Sequence[PreparedText], batch: int = RUN_ROWS
    ) -> Float64s:
        """P(AI) of each text, float64[N], `batch` texts or windows at a time, in their order."""
        if not self.tokenizers:
            forms = [text.normalized for text in texts]
            parts = [run(text_feeds(forms[i : i + batch])) for i in range(0, len(forms), batch)]
            return np.concatenate(parts).astype(np.float64)
        windows = [window for text in texts for window in text.windows]
        feeds = (self.token_feeds(windows[i : i + batch]) for i in range(0, len(windows), batch))
        scores = iter(np.concatenate([run(feed) for feed in feeds]).tolist())
        return np.array([self._pool(text, scores) for text in texts])

    def probabilities_by_length(
        self, run: Run, texts: Sequence[PreparedText], batch: int = RUN_ROWS
    ) -> Float64s:
        """The same, with texts of like length in a batch: little is padded."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at].ids or texts[at].normalized))
        found = self.probabilities(run, [texts[at] for at in order], batch)
        result = np.empty_like(found)
        result[order] = found
        return result

    def token_feeds(self, windows: Sequence[Encoding]) -> Feeds:
        """input_ids, attention_mask int64[N, T], padded at the end; those of companions too."""
        assert self.spec.special_tokens is not None  # noqa: S101 (InputSpec checks it)
        feeds = _padded([window.ids for window in windows], self.spec.special_tokens.pad)
        for place, companion in enumerate(self.spec.companions):
            rows = [window.companions[place] for window in windows]
            feeds |= _padded(rows, companion.special_tokens.pad, f"{companion.name}_")
        return feeds

    def _pool(self, text: PreparedText, scores: Iterator[float]) -> float:
        assert self.spec.window is not None  # noqa: S101 (InputSpec checks it)
        own = [next(scores) for _ in text.windows]
        return pooled(own, [window.content for window in text.windows], self.spec.window)


def text_feeds(normalized: Sequence[str]) -> Feeds:
    """Text string[N]."""
    return {"text": np.array(normalized, dtype=object)}


def _tokenizer(content: bytes) -> "Tokenizer":
    # Imported here: text-in models are built without the package.
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(content)
    # Where to cut and what to fill with is said by the manifest.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _ids(tokenizer: "Tokenizer", normalized: str) -> tuple[int, ...]:
    return tuple(tokenizer.encode(normalized, add_special_tokens=False).ids)


def _padded(rows: Sequence[Sequence[int]], pad: int, prefix: str = "") -> dict[str, Int64s]:
    ids = np.full((len(rows), max(map(len, rows))), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {f"{prefix}input_ids": ids, f"{prefix}attention_mask": mask}
