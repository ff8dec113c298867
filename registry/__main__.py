"""`python -m registry`: look at, verify and remove published artifacts."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from registry.errors import RegistryError
from registry.schema import SCHEMA_PATH, manifest_schema
from registry.store import DEFAULT_ROOT, Artifact, FileStore

app = typer.Typer(
    help="Look at, verify and remove the artifacts that `make export` published.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# A table in a log file must not be cut at the 80 columns that rich assumes there.
console = Console(width=None if sys.stdout.isatty() else 120)
errors = Console(stderr=True)

Root = Annotated[Path, typer.Option(envvar="REGISTRY_ROOT", help="Folder of the artifact store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Reference = Annotated[
    str, typer.Argument(metavar="ID", help="A model id, id@version, or sha256 digest.")
]


def _print_json(value: JsonValue) -> None:
    console.print_json(data=value)


def _summary(artifact: Artifact) -> dict[str, JsonValue]:
    manifest = artifact.manifest
    return {
        "model_id": manifest.model_id,
        "version": manifest.version,
        "size_category": manifest.size_category.value,
        "size_bytes": manifest.size_bytes,
        "scheme": manifest.quantization.scheme.value,
        "auroc": None if manifest.quality is None else manifest.quality.auroc,
        "digest": manifest.digest,
        "path": str(artifact.folder),
    }


@app.command("list")
def list_artifacts(root: Root = DEFAULT_ROOT, as_json: AsJson = False) -> None:
    """List every artifact, all versions."""
    rows = [_summary(artifact) for artifact in FileStore(root).artifacts()]
    if as_json:
        return _print_json(list(rows))
    if not rows:
        return console.print(f"No artifacts in {root}. `make export` builds them.", soft_wrap=True)
    table = Table("model", "version", "category", "MB", "scheme", "AUROC", "digest", box=SIMPLE)
    for row in rows:
        megabytes = f"{int(str(row['size_bytes'])) / 1e6:.2f}"
        cells = (row["model_id"], row["version"], row["size_category"], megabytes, row["scheme"])
        auroc = "not evaluated" if row["auroc"] is None else f"{row['auroc']:.4f}"
        table.add_row(*map(str, cells), auroc, str(row["digest"])[:12])
    return console.print(table)


@app.command()
def show(reference: Reference, root: Root = DEFAULT_ROOT, as_json: AsJson = False) -> None:
    """Show one artifact's manifest."""
    artifact = FileStore(root).resolve(reference)
    manifest = artifact.manifest.model_dump(mode="json")
    if as_json:
        return _print_json(manifest)
    table = Table("field", title=artifact.manifest.reference, box=SIMPLE)
    table.add_column("value", overflow="fold")
    for name, value in manifest.items():
        if name == "files":
            for file in value:
                table.add_row(f"file {file['path']}", f"{file['bytes']:,} bytes {file['sha256']}")
        elif isinstance(value, dict):
            for key, inner in value.items():
                table.add_row(f"{name}.{key}", str(inner))
        else:
            table.add_row(name, str(value))
    table.add_row("path", str(artifact.folder))
    return console.print(table)


@app.command()
def verify(
    reference: Annotated[str | None, typer.Argument(metavar="[ID]", help="One; else all.")] = None,
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Re-hash the files of one artifact, or of all."""
    store = FileStore(root)
    artifacts = store.artifacts() if reference is None else (store.resolve(reference),)
    for artifact in artifacts:
        artifact.verify()
    if as_json:
        return _print_json([artifact.manifest.reference for artifact in artifacts])
    for artifact in artifacts:
        n_files = len(artifact.manifest.files)
        console.print(f"[green]ok[/] {artifact.manifest.reference}: {n_files} files as published")
    if not artifacts:
        console.print(f"No artifacts in {root}.", soft_wrap=True)
    return None


@app.command()
def publish(
    source: Annotated[Path, typer.Argument(metavar="STORE", help="Folder of another store.")],
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Copy what another store holds, verified; a version that is there already stays."""
    store = FileStore(root)
    new = [a for a in FileStore(source).artifacts() if not store.holds(a.manifest)]
    for artifact in new:
        store.publish(artifact.manifest, artifact.folder)
    if as_json:
        return _print_json({"published": [artifact.manifest.reference for artifact in new]})
    for artifact in new:
        console.print(f"published {artifact.manifest.reference}")
    if not new:
        console.print(f"{root} has all of {source}", soft_wrap=True)
    return None


@app.command()
def remove(
    reference: Annotated[str, typer.Argument(metavar="ID@VERSION")],
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Delete one version of a model."""
    removed = FileStore(root).remove(reference)
    if as_json:
        return _print_json({"removed": removed.manifest.reference})
    return console.print(f"removed {removed.manifest.reference}")


@app.command()
def schema(
    write: Annotated[bool, typer.Option(help="Write registry/manifest.schema.json.")] = False,
) -> None:
    """Print the JSON Schema of the manifest, or write the committed copy."""
    if write:
        SCHEMA_PATH.write_text(manifest_schema(), encoding="utf-8")
    else:
        typer.echo(manifest_schema(), nl=False)


def main() -> None:
    """Run the command line; what went wrong is one line and exit status 1."""
    try:
        app()
    except (RegistryError, OSError) as exc:
        errors.print(f"[red]error[/] {exc}", soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
