"""In which order documents are read by a model too slow to read them all."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from export.training.dataset import Dataset
from export.training.held_out import Rows, validation_split


class FirstDocuments(NamedTuple):
    """Documents of a data set, their rows in it, and which of them train and which measure."""

    dataset: Dataset
    rows: Rows
    training: Rows
    validation: Rows
    training_weights: npt.NDArray[np.float64]
    """With these, each domain and label weighs as much as it does in the whole data set."""


def first_documents(everything: Dataset, count: int) -> FirstDocuments:
    """The first so many in `document_order`."""
    rows = document_order(everything)[:count]
    dataset, sides = everything.part(rows), validation_split(everything)
    training, validation = (np.flatnonzero(np.isin(rows, side)) for side in sides)
    weights = _as_frequent(dataset.strata[training], everything.strata[sides[0]])
    return FirstDocuments(dataset, rows, training, validation, weights)


def document_order(dataset: Dataset) -> Rows:
    """All rows; however many are taken, training and validation rows are equally many.

    Training rows take turns among domains and labels, so that small domains are learnt too;
    validation rows come at random, so that scores are those of other models.
    """
    training, validation = validation_split(dataset)
    generator = np.random.default_rng(0)
    turns = [_in_turn(dataset, generator.permutation(training)), generator.permutation(validation)]
    place = np.concatenate([2 * np.arange(len(rows)) + side for side, rows in enumerate(turns)])
    order: Rows = np.concatenate(turns)[np.argsort(place)]
    return order


def _as_frequent(
    strata: npt.NDArray[np.str_], all_strata: npt.NDArray[np.str_]
) -> npt.NDArray[np.float64]:
    names, place, counts = np.unique(strata, return_inverse=True, return_counts=True)
    wanted = np.array([(all_strata == name).mean() for name in names])
    found: npt.NDArray[np.float64] = (wanted / counts)[place] * len(strata)
    return found


def _in_turn(dataset: Dataset, rows: Rows) -> Rows:
    seen: dict[str, int] = {}
    turn = np.empty(len(rows))
    for place, stratum in enumerate(map(str, dataset.strata[rows])):
        turn[place] = seen[stratum] = seen.get(stratum, -1) + 1
    return rows[np.argsort(turn, kind="stable")]
