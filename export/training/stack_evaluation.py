"""What is measured of a stack on documents that it has not seen."""

from collections.abc import Sequence

from rich.console import Console
from sklearn.metrics import roc_auc_score

from export.evaluation import Evaluation
from export.training.dataset import Dataset
from export.training.held_out import Rows, evaluate
from export.training.linear import Evidence, Stack, fit_stack
from export.training.unseen import Fit, aurocs_left_out, domain_splits, generator_splits
from export.training.views import TRAINED, WORDS


def evaluate_stack(
    stack: Stack,
    kinds: Sequence[Evidence],
    dataset: Dataset,
    training: Rows,
    validation: Rows,
    console: Console,
) -> Evaluation:
    """Of a stack fitted on the training documents, and of such that leave something out."""
    labels = dataset.labels[validation]
    fit = stack_fit(kinds, dataset)
    generators = generator_splits(dataset, training, validation)
    return evaluate(
        dataset,
        validation,
        stack.probabilities(validation),
        n_train=len(training),
        by_words={
            str(count): float(roc_auc_score(labels, stack.logits(validation, TRAINED + place)))
            for place, count in enumerate(WORDS)
        },
        unseen=aurocs_left_out(dataset, domain_splits(dataset), fit, "leave out domains", console),
        unseen_generators=aurocs_left_out(
            dataset, generators, fit, "leave out generators", console
        ),
    )


def stack_fit(kinds: Sequence[Evidence], dataset: Dataset) -> Fit:
    """From documents to the logits of a stack fitted on them."""
    return lambda rows: fit_stack(kinds, dataset, rows).logits
