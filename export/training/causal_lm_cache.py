"""What a causal language model says of each window, computed once and kept in parts.

A pass over the texts costs about 0.7 s per text and core, so one pass keeps everything that a head
may want. File `000025.npz` of the folder holds windows 25 to 49 of the order of the documents:

- lengths int64[W]: scored tokens of each window
- statistics float32[5, sum of lengths]: the rows of TokenStatistics, window after window
- layer_means float16[W, (layers + 1) * width]: what `layer_means` gives
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from export.causal_lm.decoder import Decoder, layer_means
from export.causal_lm.statistics import TokenStatistics, token_statistics

PART = 25
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CachedPart:
    """The arrays of one file."""

    lengths: npt.NDArray[np.int64]
    statistics: Float32s
    layer_means: npt.NDArray[np.float16]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What the file holds; None where it is missing or was cut."""
        try:
            with np.load(path) as arrays:
                return cls(arrays["lengths"], arrays["statistics"], arrays["layer_means"])
        except (FileNotFoundError, zipfile.BadZipFile):
            return None

    def write(self, path: Path) -> None:
        """Write what `read` reads, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, **vars(self))
        partial.replace(path)

    def windows(self) -> list[TokenStatistics]:
        """The statistics of each window, float32[1, T-1] each."""
        ends = np.cumsum(self.lengths)[:-1]
        return [
            TokenStatistics(*torch.from_numpy(rows.copy()).unsqueeze(1))
            for rows in np.split(self.statistics, ends, axis=1)
        ]


def cached_part(
    decoder: Decoder, table: Tensor, windows: Sequence[tuple[int, ...]], path: Path
) -> CachedPart:
    """What the file has, else what the model says of these windows of ids, which is then kept."""
    found = CachedPart.read(path)
    if found is None:
        found = _computed(decoder, table, windows)
        found.write(path)
    return found


def _computed(decoder: Decoder, table: Tensor, windows: Sequence[tuple[int, ...]]) -> CachedPart:
    statistics, means = [], []
    with torch.inference_mode():
        for window in windows:
            ids = torch.tensor([window])
            states = decoder(ids)
            statistics.append(torch.cat(token_statistics(states[-1], ids, table)).numpy())
            means.append(layer_means(states, torch.ones_like(ids)).numpy().astype(np.float16))
    return CachedPart(
        lengths=np.array([rows.shape[1] for rows in statistics]),
        statistics=np.concatenate(statistics, axis=1),
        layer_means=np.concatenate(means),
    )
