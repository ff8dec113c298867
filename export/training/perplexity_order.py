"""In which order documents are read by a model too slow to read them all."""

from typing import NamedTuple

import numpy as np

from export.training.dataset import Dataset
from export.training.held_out import Rows, validation_split


class FirstDocuments(NamedTuple):
    """Documents of a data set, their rows in it, and which of them train and which measure."""

    dataset: Dataset
    rows: Rows
    training: Rows
    validation: Rows


def first_documents(everything: Dataset, count: int) -> FirstDocuments:
    """The first so many in `document_order`."""
    rows = document_order(everything)[:count]
    training, validation = (
        np.flatnonzero(np.isin(rows, side)) for side in validation_split(everything)
    )
    return FirstDocuments(everything.part(rows), rows, training, validation)


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


def _in_turn(dataset: Dataset, rows: Rows) -> Rows:
    seen: dict[tuple[str, int], int] = {}
    turn = np.empty(len(rows))
    for place, row in enumerate(rows):
        stratum = (str(dataset.domains[row]), int(dataset.labels[row]))
        turn[place] = seen[stratum] = seen.get(stratum, -1) + 1
    return rows[np.argsort(turn, kind="stable")]
