"""Splits that leave out a domain, or a generator, and how well a fit does on what it left out."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from sklearn.metrics import roc_auc_score

from export.training.dataset import Dataset
from export.training.held_out import Rows, Split

# From documents to fit to what scores documents: any number that is larger for AI.
Fit = Callable[[Rows], Callable[[Rows], npt.NDArray[np.float64]]]
Splits = Mapping[str, Split]


def domain_splits(dataset: Dataset) -> Splits:
    """For each domain all documents of the others, and its own."""
    return {
        str(name): (
            np.flatnonzero(dataset.domains != name),
            np.flatnonzero(dataset.domains == name),
        )
        for name in np.unique(dataset.domains)
    }


def generator_splits(dataset: Dataset, training: Rows, validation: Rows) -> Splits:
    """For each generator the training documents of all other authors, and held-out documents.

    The latter are its own, and those by humans. None where no other generator is left to learn.
    """
    generators, human = dataset.generators, dataset.labels[validation] == 0
    splits = {
        str(name): (
            training[generators[training] != name],
            validation[human | (generators[validation] == name)],
        )
        for name in np.unique(generators[validation][~human])
    }
    return {name: split for name, split in splits.items() if dataset.labels[split[0]].any()}


def auroc_left_out(dataset: Dataset, split: Split, fit: Fit) -> float:
    """AUROC on the second part of the split, of a fit on the first."""
    train, test = split
    return float(roc_auc_score(dataset.labels[test], fit(train)(test)))


def aurocs_left_out(
    dataset: Dataset, splits: Splits, fit: Fit, title: str, console: Console
) -> Mapping[str, float]:
    """Of every split; `title` stands beside the progress bar."""
    return {
        name: auroc_left_out(dataset, split, fit)
        for name, split in track(splits.items(), title, console=console)
    }
