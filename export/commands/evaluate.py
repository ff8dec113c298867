"""`python -m export evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from export.commands.options import AsJson, RecipesFolder, console, short
from export.evaluation import EVALUATION_FILE
from export.recipe import RECIPE_FILE, RECIPES, read_recipe

if TYPE_CHECKING:
    from export.evaluation import Evaluation

TARGET_FPR = 0.01

ModelId = Annotated[str, typer.Argument(metavar="MODEL_ID", help="Of the recipe.")]
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help='JSON Lines (.jsonl, .jsonl.gz) of {"text": …, "label": 0 or 1}.'
    ),
]
TargetFpr = Annotated[
    float, typer.Option(min=0, max=1, help="Share of human texts that may be flagged.")
]
Force = Annotated[bool, typer.Option("--force", help=f"Replace an {EVALUATION_FILE}.")]


def evaluate(
    model_id: ModelId,
    data: Data,
    target_fpr: TargetFpr = TARGET_FPR,
    force: Force = False,
    recipes_folder: RecipesFolder = RECIPES,
    as_json: AsJson = False,
) -> None:
    """Measure a recipe's model on labelled texts that it was not trained on.

    Writes evaluation.json beside the recipe: a threshold and quality for the manifest.
    """
    recipe = read_recipe(recipes_folder / model_id)
    path = recipe.folder / EVALUATION_FILE
    if path.exists() and not force:
        raise typer.BadParameter(f"{short(path)} exists; --force replaces it")
    # Imported here: --help must not wait for scikit-learn.
    from export.training.dataset import read_labelled_texts
    from export.training.recipe_scores import evaluate_recipe

    with console.status(f"evaluating {model_id}"):
        evaluation = evaluate_recipe(recipe, read_labelled_texts(data), target_fpr)
    path.write_bytes(evaluation.to_bytes())
    if as_json:
        return console.print_json(evaluation.model_dump_json(exclude_defaults=True))
    console.print(_table(evaluation))
    console.print(f"wrote {escape(short(path))}", soft_wrap=True)
    if recipe.decision is not None:
        where = escape(short(recipe.folder / RECIPE_FILE))
        console.print(f"next: remove \\[decision] from {where}, and build", soft_wrap=True)
    return None


def _table(evaluation: "Evaluation") -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("texts", "AUROC", "TPR at 1% FPR", "threshold", "FPR", "TPR", "ECE"):
        table.add_column(name, no_wrap=True)
    numbers = (
        evaluation.auroc,
        evaluation.tpr_at_1pct_fpr,
        evaluation.threshold,
        evaluation.fpr_at_threshold,
        evaluation.tpr_at_threshold,
        evaluation.expected_calibration_error,
    )
    table.add_row(f"{evaluation.n:,}", *(f"{number:.4f}" for number in numbers))
    return table
