"""Options and consoles that the commands share."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from registry import Artifact, FileStore

# A table in a log file must not be cut at the 80 columns that rich assumes there.
console = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True)

Root = Annotated[Path, typer.Option(envvar="REGISTRY_ROOT", help="Folder of the artifact store.")]
RecipesFolder = Annotated[
    Path, typer.Option("--recipes", envvar="EXPORT_RECIPES", help="Folder of the recipes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
References = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODEL[@VERSION]]...", help="Ids, id@version, or digests."),
]
EveryOne = Annotated[bool, typer.Option("--all", help="Every artifact in the store.")]


def chosen_artifacts(
    store: FileStore, references: Sequence[str] | None, *, every: bool
) -> tuple[Artifact, ...]:
    """Those that are named, or all. Raises BadParameter, RegistryError."""
    if bool(references) == every:
        raise typer.BadParameter("name artifacts, or say --all")
    return store.artifacts() if every else tuple(map(store.resolve, references or ()))


def short(path: Path) -> str:
    """The path as seen from the current folder, where it lies below it, with no markup in it."""
    return escape(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def megabytes(size: float) -> str:
    """As in `24.2 MB` or `1.52 GB`, of 10^6 and 10^9 bytes."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
