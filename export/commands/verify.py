"""`python -m export verify`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from export.commands.options import (
    AsJson,
    EveryOne,
    RecipesFolder,
    References,
    Root,
    chosen_artifacts,
    console,
)
from export.recipe import RECIPES, find_recipe
from registry import Artifact, FileStore
from registry.store import DEFAULT_ROOT

if TYPE_CHECKING:
    from export.published.checks import Check

NoSource = Annotated[
    bool, typer.Option("--no-source", help="Leave out the drift, which takes longest.")
]
MARKS = {True: "[green]ok[/]", False: "[red]failed[/]", None: "[yellow]not tried[/]"}


def verify(
    references: References = None,
    every: EveryOne = False,
    no_source: NoSource = False,
    recipes_folder: RecipesFolder = RECIPES,
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Verify published artifacts again, as their builds did.

    Digests of the files; golden vectors in onnxruntime and in onnxruntime-web; alone and in
    batches of mixed lengths; and, where the recipe is here, the drift from its source. The exit
    status is 1 if anything failed.
    """
    store = FileStore(root)
    artifacts = chosen_artifacts(store, references, every=every)
    passed = True
    rows: list[JsonValue] = []
    for artifact in artifacts:
        checks = _verify(artifact, None if no_source else recipes_folder, store)
        passed = passed and all(check.passed is not False for check in checks)
        rows.append(_row(artifact, checks))
        if not as_json:
            _print(artifact, checks)
    if as_json:
        console.print_json(data=rows)
    if not passed:
        raise typer.Exit(1)


def _verify(
    artifact: Artifact, recipes_folder: Path | None, store: FileStore
) -> "tuple[Check, ...]":
    # Imported here: --help must not wait for onnxruntime and scikit-learn.
    from export.published.verification import verify_artifact

    manifest = artifact.manifest
    named = (manifest.model_id, manifest.version)
    recipe = find_recipe(*named, recipes_folder) if recipes_folder else None
    with console.status(f"verifying {manifest.reference}"):
        return verify_artifact(artifact, recipe, store)


def _row(artifact: Artifact, checks: "tuple[Check, ...]") -> JsonValue:
    return {
        "model_id": artifact.manifest.model_id,
        "version": artifact.manifest.version,
        "digest": artifact.manifest.digest,
        "passed": all(check.passed is not False for check in checks),
        "checks": [check.model_dump() for check in checks],
    }


def _print(artifact: Artifact, checks: "tuple[Check, ...]") -> None:
    table = Table(
        title=artifact.manifest.reference, title_justify="left", box=SIMPLE, pad_edge=False
    )
    for name in ("check", "measured", "allowed", "manifest", ""):
        table.add_column(name, no_wrap=True)
    for check in checks:
        numbers = (check.measured, check.allowed, check.recorded)
        table.add_row(check.name, *map(_number, numbers), MARKS[check.passed])
    console.print(table)
    for check in checks:
        if check.detail:
            console.print(
                f"  {MARKS[check.passed]} {check.name}: {escape(check.detail)}", soft_wrap=True
            )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
