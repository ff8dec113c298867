"""Layer means of an encoder, computed once for every window of ids that any training asks for.

A part, called by its first key, holds keys S32[W] (SHA-256 of the ids) and features
float16[W, layers * width], so that the same window in another model's training costs nothing.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from export.encoder.base import EncoderBase
from export.encoder.classifier import LayerMeans
from export.training.device import fast_device, on_fast_device
from registry.whole_file import replacing

PART = 1024
BATCH = 32
Ids = tuple[int, ...]
Halves = npt.NDArray[np.float16]


class EncoderCache:
    """Features of windows of framed ids, in the fastest number format that the machine has."""

    def __init__(self, base: EncoderBase, folder: Path, console: Console) -> None:
        self._base = base
        self._folder = folder
        self._console = console
        self._known: dict[bytes, Halves] = {}
        for path in sorted(folder.glob("*.npz")):
            self._known |= _read(path)

    def features(self, windows: Sequence[Ids], name: str) -> Halves:
        """float16[windows, layers * width]; `name` stands beside the progress bar."""
        keys = [_key(window) for window in windows]
        missing = {
            key: ids for key, ids in zip(keys, windows, strict=True) if key not in self._known
        }
        # Texts of like length side by side: little is padded.
        order = sorted(missing, key=lambda key: (len(missing[key]), missing[key]))
        parts = range(0, len(order), PART)
        for start in track(parts, f"MiniLM, {name}", console=self._console, disable=not order):
            self._compute([(key, missing[key]) for key in order[start : start + PART]])
        return np.stack([self._known[key] for key in keys])

    def _compute(self, part: Sequence[tuple[bytes, Ids]]) -> None:
        found = np.concatenate(list(self._batches([ids for _, ids in part])))
        keys = np.array([key for key, _ in part])
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{part[0][0].decode()}.npz"
        with replacing(path) as beside, beside.open("wb") as file:
            np.savez(file, keys=keys, features=found)
        self._known |= dict(zip(keys.tolist(), found, strict=True))

    def _batches(self, windows: Sequence[Ids]) -> Iterator[Halves]:
        device = fast_device()
        module = LayerMeans(on_fast_device(self._base.model)).eval()
        with torch.inference_mode():
            for start in range(0, len(windows), BATCH):
                rows = [torch.tensor(window) for window in windows[start : start + BATCH]]
                ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
                sizes = torch.tensor([[len(row)] for row in rows], device=device)
                mask = (torch.arange(ids.shape[1], device=device) < sizes).long()
                yield module(ids, mask).to(torch.float16).cpu().numpy()


def _key(window: Ids) -> bytes:
    # NumPy cuts zero bytes off the end of a string: hexadecimal digits have none.
    return hashlib.sha256(np.array(window, dtype=np.int32).tobytes()).hexdigest()[:32].encode()


def _read(path: Path) -> dict[bytes, Halves]:
    """Nothing where the file was cut."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(zip(arrays["keys"].tolist(), arrays["features"], strict=True))
    except zipfile.BadZipFile:
        return {}
