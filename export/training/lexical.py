"""Trains lexical-tiny: data in, weights, evaluation and model card out.

`make train-lexical DATA=train.jsonl.gz`, or `python -m export.training.lexical --help`. The same
data gives the same bytes: every random choice has a fixed seed. About five minutes on two cores.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from export.errors import DatasetError
from export.evaluation import Evaluation
from export.sklearn_text.lexical import lexical_pipeline, load_weights, save_weights
from export.training.dataset import Dataset, read_dataset
from export.training.held_out import (
    Rows,
    evaluate,
    group_splits,
    validation_split,
    write_evaluation,
)
from export.training.summary import summary
from export.training.teacher import read_teacher

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


def leave_one_domain_out(dataset: Dataset, domain: str, teacher: Teacher | None) -> float:
    """AUROC on a domain that the pipeline has never seen."""
    inside = np.flatnonzero(dataset.domains == domain)
    pipeline = train(dataset, np.flatnonzero(dataset.domains != domain), teacher)
    return float(roc_auc_score(dataset.labels[inside], probabilities(pipeline, dataset, inside)))


def leave_one_generator_out(
    dataset: Dataset,
    training: Rows,
    validation: Rows,
    generator: str,
    teacher: Teacher | None,
) -> float:
    """AUROC of a generator's held-out texts against human ones, of a pipeline without it."""
    pipeline = train(dataset, training[dataset.generators[training] != generator], teacher)
    human = dataset.labels[validation] == 0
    inside = validation[human | (dataset.generators[validation] == generator)]
    return float(roc_auc_score(dataset.labels[inside], probabilities(pipeline, dataset, inside)))


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
    domains = [str(name) for name in np.unique(dataset.domains)]
    held_out = validation[dataset.labels[validation] == 1]
    generators = [str(name) for name in np.unique(dataset.generators[held_out])]
    steps = progress.add_task("fit", total=1 + len(domains) + len(generators))
    save_weights(train(dataset, training, teacher), out / "weights.safetensors")
    progress.advance(steps)
    unseen = {}
    for domain in domains:
        progress.update(steps, description=f"leave out {domain}")
        unseen[domain] = leave_one_domain_out(dataset, domain, teacher)
        progress.advance(steps)
    unseen_generators = {}
    for generator in generators:
        progress.update(steps, description=f"leave out {generator}")
        unseen_generators[generator] = leave_one_generator_out(
            dataset, training, validation, generator, teacher
        )
        progress.advance(steps)
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
    distil: Annotated[
        bool, typer.Option("--distil", help="Learn what fusion-medium says, not labels alone.")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Where train-fusion left what it says.")] = Path(
        ".feature_cache"
    ),
) -> None:
    """Train lexical-tiny on DATA and write its weights, evaluation and model card."""
    console = Console()
    try:
        dataset = read_dataset(data)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    teacher = read_teacher(cache, dataset) if distil else None
    if distil and teacher is None:
        console.print(f"[red]error[/] {cache} has nothing by fusion-medium: train-fusion first")
        raise typer.Exit(1)
    with Progress(*_columns(), console=console) as progress:
        evaluation = run(dataset, out, progress, teacher)
    console.print(summary(evaluation))


if __name__ == "__main__":
    typer.run(main)
