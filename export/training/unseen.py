"""Fits that have never seen a domain, or a generator, and how well they do on it."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track
from sklearn.metrics import roc_auc_score

from export.training.dataset import Dataset
from export.training.held_out import Rows
from export.training.linear import Evidence, fit_stack


def leave_one_domain_out(
    kinds: Sequence[Evidence], dataset: Dataset, console: Console
) -> Mapping[str, float]:
    """AUROC on all documents of each domain, of a stack fitted on all others."""
    found = {}
    for domain in track(np.unique(dataset.domains), "leave out domains", console=console):
        inside = np.flatnonzero(dataset.domains == domain)
        stack = fit_stack(kinds, dataset, np.flatnonzero(dataset.domains != domain))
        found[str(domain)] = float(roc_auc_score(dataset.labels[inside], stack.logits(inside)))
    return found


def leave_one_generator_out(
    kinds: Sequence[Evidence],
    dataset: Dataset,
    training: Rows,
    validation: Rows,
    console: Console,
) -> Mapping[str, float]:
    """AUROC of each generator's held-out texts against all held-out human ones.

    Of a stack fitted on the training documents of all other authors.
    """
    generators = dataset.generators
    found = {}
    names = np.unique(generators[validation][dataset.labels[validation] == 1])
    for name in track(names, "leave out generators", console=console):
        stack = fit_stack(kinds, dataset, training[generators[training] != name])
        inside = validation[(dataset.labels[validation] == 0) | (generators[validation] == name)]
        found[str(name)] = float(roc_auc_score(dataset.labels[inside], stack.logits(inside)))
    return found
