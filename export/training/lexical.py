"""Trains lexical-tiny: data in, weights, evaluation and model card out.

`make train-lexical DATA=train.jsonl.gz`, or `python -m export.training.lexical --help`. It learns
what fusion-medium says of texts that it had not seen, which `train-fusion` has left in the cache.
The same data gives the same bytes: every random choice has a fixed seed. A quarter of an hour of
one core, most of it for fits that leave something out.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from export.evaluation import Evaluation
from export.sklearn_text.lexical import lexical_pipeline, load_weights, save_weights
from export.training.command import read_or_exit
from export.training.dataset import Dataset
from export.training.held_out import (
    Rows,
    evaluate,
    group_splits,
    validation_split,
    write_evaluation,
)
from export.training.summary import summary
from export.training.teacher import read_teacher
from export.training.unseen import Splits, auroc_left_out, domain_splits, generator_splits
from registry import norm1

RECIPE = Path(__file__).resolve().parent.parent / "recipes" / "lexical-tiny"
Teacher = Mapping[str, float]


def train(dataset: Dataset, rows: Rows, teacher: Teacher | None) -> Pipeline:
    """A pipeline fitted on these rows, cross-fitted by group."""
    pipeline = lexical_pipeline(group_splits(dataset, rows, folds=3, seed=1), teacher)
    return pipeline.fit(list(dataset.texts[rows]), dataset.labels[rows])


def probabilities(pipeline: Pipeline, dataset: Dataset, rows: Rows) -> npt.NDArray[np.float64]:
    """P(AI) of these rows, float64[rows]."""
    scores: npt.NDArray[np.float64] = pipeline.predict_proba(list(dataset.texts[rows]))[:, 1]
    return scores


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


def run(
    dataset: Dataset, out: Path, progress: Progress, teacher: Teacher | None = None
) -> Evaluation:
    """Train, measure, and write weights.safetensors, evaluation.json and MODEL_CARD.md."""
    training, validation = validation_split(dataset)
    domains = domain_splits(dataset)
    generators = generator_splits(dataset, training, validation)
    steps = progress.add_task("fit", total=1 + len(domains) + len(generators))
    save_weights(train(dataset, training, teacher), out / "weights.safetensors")
    progress.advance(steps)

    def fit(rows: Rows) -> Callable[[Rows], npt.NDArray[np.float64]]:
        return partial(probabilities, train(dataset, rows, teacher), dataset)

    def left_out(splits: Splits) -> dict[str, float]:
        found = {}
        for name, split in splits.items():
            progress.update(steps, description=f"leave out {name}")
            found[name] = auroc_left_out(dataset, split, fit)
            progress.advance(steps)
        return found

    unseen, unseen_generators = left_out(domains), left_out(generators)
    shipped = load_weights(out / "weights.safetensors")
    evaluation = evaluate(
        dataset,
        validation,
        probabilities(shipped, dataset, validation),
        by_words=auroc_by_words(shipped, dataset, validation),
        unseen=unseen,
        unseen_generators=unseen_generators,
    )
    write_evaluation(evaluation, out)
    return evaluation


def _columns() -> Iterable[TextColumn | BarColumn | TimeElapsedColumn]:
    return (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Do without what fusion-medium says.")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Where train-fusion left what it says.")] = Path(
        ".feature_cache"
    ),
) -> None:
    """Train lexical-tiny on DATA and write its weights, evaluation and model card."""
    console = Console()
    dataset = read_or_exit(data, norm1, console)
    teacher = None if labels_only else read_teacher(cache, dataset)
    if teacher is None and not labels_only:
        console.print(
            f"[red]error[/] {cache} does not hold what fusion-medium says of this data: "
            "make train-fusion first, or learn from --labels-only"
        )
        raise typer.Exit(1)
    with Progress(*_columns(), console=console) as progress:
        evaluation = run(dataset, out, progress, teacher)
    console.print(summary(evaluation))


if __name__ == "__main__":
    typer.run(main)
