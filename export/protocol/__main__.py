"""`python -m export.protocol`: measure built artifacts on labelled documents."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from export.errors import ExportError, RecipeError
from export.evaluation import Evaluation, read_evaluation
from export.protocol.documents import Documents
from export.protocol.measure import measure, steps
from export.protocol.measured import PROTOCOL_FILE, Measured, read_measured
from export.protocol.page import render
from export.recipe import Recipe, catalogue
from export.training.model_card import write_model_card
from registry import FileStore, RegistryError
from registry.store import DEFAULT_ROOT
from registry.whole_file import write_whole

errors = Console(stderr=True, highlight=False)
HTML_FILE = "evaluation.html"

Data = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DATA]",
        help='JSON Lines (.jsonl, .jsonl.gz) of {"text": …, "label": 0 or 1}, and where known '
        '"domain", "generator" and "group". Without it the page is written anew from what was '
        "measured before.",
    ),
]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Model ids; all recipes without it.")
]
Count = Annotated[
    int, typer.Option("--documents", min=20, help="Measure on so many, drawn at random.")
]
Out = Annotated[Path, typer.Option(help="Folder for the page.")]
Root = Annotated[Path, typer.Option(help="The store of artifacts.")]


def protocol(
    data: Data = None,
    models: Models = None,
    count: Count = 400,
    out: Out = Path("evaluation"),
    root: Root = DEFAULT_ROOT,
) -> None:
    """Measure built artifacts on labelled documents, and write evaluation.html.

    Of the training data only documents of held-out groups are measured, and what is found is kept
    as protocol.json beside each recipe, for its model card. A language model needs about a second
    for a text, and a document is read in about ten forms.
    """
    recipes = [one for one in catalogue() if not models or one.model_id in models]
    if unknown := set(models or ()) - {one.model_id for one in recipes}:
        raise RecipeError(f"there is no recipe {', '.join(sorted(unknown))}")
    recipes = [one for one in recipes if "+" not in one.model_id]
    evaluations = {one.model_id: own for one in recipes if (own := _evaluation(one))}
    found = _measured(recipes, data, count, root, evaluations) if data else _known(recipes)
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / HTML_FILE, render(found, evaluations).encode())
    errors.print(f"wrote {escape(str(out / HTML_FILE))}", soft_wrap=True)


def _evaluation(recipe: Recipe) -> Evaluation | None:
    return None if recipe.decision else read_evaluation(recipe.folder)


def _known(recipes: list[Recipe]) -> list[Measured]:
    found = [one for recipe in recipes if (one := read_measured(recipe.folder))]
    if not found:
        raise RecipeError("nothing was measured before: name the data, DATA=file.jsonl.gz")
    return found


def _measured(
    recipes: list[Recipe],
    data: Path,
    count: int,
    root: Path,
    evaluations: dict[str, Evaluation],
) -> list[Measured]:
    training = frozenset(one.dataset_sha256 for one in evaluations.values())
    documents = Documents.read(data, training)
    if documents.held_out:
        errors.print(f"{data.name} is training data: only held-out groups are measured")
    documents = documents.sample(count)
    store, found = FileStore(root), []
    artifacts = [store.resolve(recipe.model_id) for recipe in recipes]
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors) as progress:
        for recipe, artifact in zip(recipes, artifacts, strict=True):
            task = progress.add_task(recipe.model_id, total=steps(len(documents)))
            one = measure(artifact, documents, lambda done, task=task: progress.advance(task, done))  # type: ignore[misc]
            found.append(one)
            if documents.held_out:
                _keep(recipe, one, evaluations[recipe.model_id])
    return found


def _keep(recipe: Recipe, measured: Measured, evaluation: Evaluation) -> None:
    write_whole(recipe.folder / PROTOCOL_FILE, measured.to_bytes())
    write_model_card(evaluation, recipe.folder)


def main() -> None:
    """Run the command line; a known error is one line and exit status 1."""
    try:
        typer.run(protocol)
    except (ExportError, RegistryError) as exc:
        errors.print(f"[red]error[/] {escape(str(exc))}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
