"""Trains lexical-tiny: data in, weights, evaluation and model card out.

`make train-lexical DATA=train.jsonl.gz`, or `python -m export.training.lexical --help`. The same
data gives the same bytes: every random choice has a fixed seed. About five minutes on two cores.
"""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from export.evaluation import EVALUATION_FILE, Evaluation
from export.hashed_ngrams import Split
from export.lexical import lexical_pipeline, load_weights, save_weights
from export.training.dataset import Dataset, DatasetError, read_dataset
from export.training.metrics import score, threshold_for_fpr
from export.training.model_card import write_model_card

RECIPE = Path(__file__).resolve().parent.parent / "recipes" / "lexical-tiny"
TARGET_FPR = 0.02
Rows = npt.NDArray[np.int64]


def group_splits(dataset: Dataset, rows: Rows, folds: int, seed: int) -> list[Split]:
    """(train, test) positions within `rows`, no group on both sides."""
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = dataset.labels[rows], dataset.groups[rows]
    return list(splitter.split(np.zeros(len(rows)), labels, groups))


def train(dataset: Dataset, rows: Rows) -> Pipeline:
    """A pipeline fitted on these rows, cross-fitted by group."""
    pipeline = lexical_pipeline(group_splits(dataset, rows, folds=3, seed=1))
    return pipeline.fit(list(dataset.texts[rows]), dataset.labels[rows])


def probabilities(pipeline: Pipeline, dataset: Dataset, rows: Rows) -> npt.NDArray[np.float64]:
    """P(AI) of these rows, float64[rows]."""
    scores: npt.NDArray[np.float64] = pipeline.predict_proba(list(dataset.texts[rows]))[:, 1]
    return scores


def leave_one_domain_out(dataset: Dataset, domain: str) -> float:
    """AUROC on a domain that the pipeline has never seen."""
    inside = np.flatnonzero(dataset.domains == domain)
    pipeline = train(dataset, np.flatnonzero(dataset.domains != domain))
    return float(roc_auc_score(dataset.labels[inside], probabilities(pipeline, dataset, inside)))


def auroc_by_domain(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64]
) -> dict[str, float]:
    """AUROC within each domain."""
    by_domain = {str(name): dataset.domains[rows] == name for name in np.unique(dataset.domains)}
    return {
        name: float(roc_auc_score(dataset.labels[rows][here], scores[here]))
        for name, here in by_domain.items()
    }


def fpr_by_domain(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64], threshold: float
) -> dict[str, float]:
    """Share of each domain's human texts at or above the threshold."""
    human = dataset.labels[rows] == 0
    return {
        str(name): float((scores[human & (dataset.domains[rows] == name)] >= threshold).mean())
        for name in np.unique(dataset.domains[rows][human])
    }


def auroc_by_generator(
    dataset: Dataset, rows: Rows, scores: npt.NDArray[np.float64]
) -> dict[str, float]:
    """AUROC of each generator's texts against all human texts."""
    labels, generators = dataset.labels[rows], dataset.generators[rows]
    found = np.unique(generators[labels == 1])
    against = {str(name): (labels == 0) | (generators == name) for name in found}
    return {
        name: float(roc_auc_score(labels[here], scores[here])) for name, here in against.items()
    }


def auroc_by_words(pipeline: Pipeline, dataset: Dataset, rows: Rows) -> dict[str, float]:
    """AUROC when only the first so many words of each text are read."""
    words = [str(text).split(" ") for text in dataset.texts[rows]]
    return {
        str(count): float(
            roc_auc_score(
                dataset.labels[rows],
                pipeline.predict_proba([" ".join(text[:count]) for text in words])[:, 1],
            )
        )
        for count in (10, 25, 50, 100, 200)
    }


def evaluate(
    pipeline: Pipeline, dataset: Dataset, rows: Rows, unseen: dict[str, float]
) -> Evaluation:
    """Everything the model card and the manifest say, measured on held-out rows."""
    scores = probabilities(pipeline, dataset, rows)
    threshold = threshold_for_fpr(scores[dataset.labels[rows] == 0], TARGET_FPR)
    return Evaluation(
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        n_train=len(dataset) - len(rows),
        ai_share=float(dataset.labels.mean()),
        threshold=threshold,
        target_fpr=TARGET_FPR,
        calibration="platt",
        **dataclasses.asdict(score(scores, dataset.labels[rows], threshold)),
        auroc_by_domain=auroc_by_domain(dataset, rows, scores),
        auroc_by_generator=auroc_by_generator(dataset, rows, scores),
        fpr_by_domain=fpr_by_domain(dataset, rows, scores, threshold),
        auroc_by_words=auroc_by_words(pipeline, dataset, rows),
        auroc_leave_one_domain_out=unseen,
    )


def run(dataset: Dataset, out: Path, progress: Progress) -> Evaluation:
    """Train, measure, and write weights.safetensors, evaluation.json and MODEL_CARD.md."""
    everything = np.arange(len(dataset))
    training, validation = group_splits(dataset, everything, folds=5, seed=0)[0]
    domains = [str(name) for name in np.unique(dataset.domains)]
    steps = progress.add_task("fit", total=1 + len(domains))
    save_weights(train(dataset, training), out / "weights.safetensors")
    progress.advance(steps)
    unseen = {}
    for domain in domains:
        progress.update(steps, description=f"leave out {domain}")
        unseen[domain] = leave_one_domain_out(dataset, domain)
        progress.advance(steps)
    shipped = load_weights(out / "weights.safetensors")
    evaluation = _rounded(evaluate(shipped, dataset, validation, unseen))
    text = evaluation.model_dump_json(indent=2) + "\n"
    (out / EVALUATION_FILE).write_text(text, encoding="utf-8")
    write_model_card(evaluation, out)
    return evaluation


def _rounded(evaluation: Evaluation) -> Evaluation:
    values = json.loads(evaluation.model_dump_json(), parse_float=lambda x: round(float(x), 4))
    return Evaluation.model_validate(values)


def _columns() -> Iterable[TextColumn | BarColumn | TimeElapsedColumn]:
    return (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
) -> None:
    """Train lexical-tiny on DATA and write its weights, evaluation and model card."""
    console = Console()
    try:
        dataset = read_dataset(data)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    with Progress(*_columns(), console=console) as progress:
        evaluation = run(dataset, out, progress)
    console.print(
        f"AUROC {evaluation.auroc:.4f} on {evaluation.n} held-out documents, "
        f"{evaluation.mean_unseen_auroc:.4f} on unseen domains; "
        f"calibration error {evaluation.expected_calibration_error:.4f}; "
        f"threshold {evaluation.threshold} flags {evaluation.fpr_at_threshold:.2%} of human texts"
    )


if __name__ == "__main__":
    typer.run(main)
