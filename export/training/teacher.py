"""What fusion-medium says of training documents that it had not seen, for a smaller model to learn.

Hinton et al., "Distilling the knowledge in a neural network" (2015).
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.training.dataset import Dataset
from registry.whole_file import replacing


def write_teacher(
    cache: Path,
    dataset: Dataset,
    rows: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
) -> None:
    """P(AI) of these rows of a whole data set."""
    path = _path(cache, dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, rows=rows, probabilities=probabilities)


def read_teacher(cache: Path, dataset: Dataset) -> Mapping[str, float] | None:
    """P(AI) by text; None where fusion-medium was not trained on this data."""
    try:
        with _path(cache, dataset).open("rb") as file, np.load(file) as arrays:
            pairs = zip(arrays["rows"], arrays["probabilities"].tolist(), strict=True)
            return {str(dataset.texts[row]): probability for row, probability in pairs}
    except (FileNotFoundError, zipfile.BadZipFile):
        return None


def _path(cache: Path, dataset: Dataset) -> Path:
    return cache / f"teacher-{dataset.sha256[:16]}.npz"
