"""`python -m export`: build the catalogue's artifacts into the registry."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from export.build import PASSES, build, select, up_to_date
from export.errors import ExportError
from export.recipe import Recipe, catalogue
from registry import Artifact, FileStore, RegistryError
from registry.store import DEFAULT_ROOT

app = typer.Typer(
    help="Build models into verified ONNX artifacts, from the recipes under export/recipes/.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# A table in a log file must not be cut at the 80 columns that rich assumes there.
console = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True)

Root = Annotated[Path, typer.Option(envvar="REGISTRY_ROOT", help="Folder of the artifact store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class _Bar:
    """Shows which pass is under way."""

    def __init__(self, bar: RichProgress, passes: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=passes)
        self._begun = 0

    def begin(self, model_id: str, step: str) -> None:
        """Move on to this pass."""
        self._bar.update(self._task, description=f"{model_id} {step}", completed=self._begun)
        self._begun += 1

    def end(self) -> None:
        """All passes are done."""
        self._bar.update(self._task, completed=self._begun)


def _build_all(recipes: tuple[Recipe, ...], store: FileStore) -> tuple[Artifact, ...]:
    columns = (
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=errors, transient=True) as shown:
        bar = _Bar(shown, len(PASSES) * len(recipes))
        artifacts = tuple(build(recipe, store, bar) for recipe in recipes)
        bar.end()
    return artifacts


@app.command("build")
def build_recipes(
    recipes: Annotated[
        list[str] | None, typer.Argument(metavar="[RECIPE]...", help="Model ids; else all.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Build even what has not changed.")] = False,
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Build artifacts, skipping those whose inputs have not changed."""
    started = time.perf_counter()
    store = FileStore(root)
    chosen = select(catalogue(), recipes or [])
    kept = {} if force else {r.model_id: a for r in chosen if (a := up_to_date(r, store))}
    stale = tuple(recipe for recipe in chosen if recipe.model_id not in kept)
    built = _build_all(stale, store) if stale else ()
    artifacts = sorted((*kept.values(), *built), key=lambda a: a.manifest.model_id)
    if as_json:
        return console.print_json(data=[_row(a, a in built) for a in artifacts])
    console.print(_table(artifacts))
    console.print(
        f"{len(built)} built, {len(kept)} unchanged, {time.perf_counter() - started:.1f} s"
    )
    return None


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the recipes."""
    rows = [
        {"model_id": r.model_id, "version": r.version, "kind": r.source.kind, "path": str(r.folder)}
        for r in catalogue()
    ]
    if as_json:
        return console.print_json(data=rows)
    table = Table("recipe", "version", "kind", "path")
    for row in rows:
        table.add_row(*row.values())
    return console.print(table)


def _row(artifact: Artifact, is_new: bool) -> dict[str, str | int | float | bool | None]:
    manifest = artifact.manifest
    return {
        "model_id": manifest.model_id,
        "version": manifest.version,
        "size_category": manifest.size_category.value,
        "size_bytes": manifest.size_bytes,
        "max_abs_diff": max(manifest.parity.max_abs_diff.values()),
        "auroc": None if manifest.quality is None else manifest.quality.auroc,
        "digest": manifest.digest,
        "path": str(artifact.folder),
        "built": is_new,
    }


def _table(artifacts: list[Artifact]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("model", "category", "bytes", "parity", "AUROC"):
        table.add_column(name, no_wrap=True)
    table.add_column("path", overflow="fold", min_width=24)
    for artifact in artifacts:
        row = _row(artifact, is_new=False)
        table.add_row(
            str(row["model_id"]),
            str(row["size_category"]),
            f"{row['size_bytes']:,}",
            f"{row['max_abs_diff']:.1e}",
            "not evaluated" if row["auroc"] is None else f"{row['auroc']:.4f}",
            _short(artifact.folder),
        )
    return table


def _short(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def main() -> None:
    """Run the command line; a known error is one line and exit status 1."""
    try:
        app()
    except (ExportError, RegistryError) as exc:
        errors.print(f"[red]error[/] {exc}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
