"""`python -m export build`."""

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from rich.markup import escape

from export.commands.build_output import print_plan, print_results, warn_over_bound
from export.commands.options import AsJson, RecipesFolder, Root, console, errors, short
from export.commands.progress import build_progress
from export.jobs.machine import this_machine
from export.jobs.messages import Built, Failed
from export.jobs.plan import plan
from export.jobs.pool import run_builds
from export.jobs.record import BuildRecord, write_record
from export.jobs.selection import of_trait, select
from export.recipe import RECIPES, Recipe, catalogue
from export.report.page import write_report
from registry import FileStore, RegistryError
from registry.store import DEFAULT_ROOT

INTERRUPTED = 130

Patterns = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RECIPE]...", help="Model ids, or patterns like 'minilm-*'; else all."),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TRAIT",
        help="Of these, only recipes of this source kind or quantization scheme; may be repeated.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Builds at a time.")]
Force = Annotated[bool, typer.Option("--force", help="Build even what has not changed.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be built, and why.")]
ExternalData = Annotated[
    bool, typer.Option("--external-data", help="Keep the weights in model.onnx.data.")
]


def build(
    patterns: Patterns = None,
    only: Only = None,
    jobs: Jobs = 1,
    force: Force = False,
    dry_run: DryRun = False,
    external_data: ExternalData = False,
    recipes_folder: RecipesFolder = RECIPES,
    root: Root = DEFAULT_ROOT,
    as_json: AsJson = False,
) -> None:
    """Build artifacts, skipping those whose inputs have not changed.

    Each is built in a process of its own. One that fails does not stop the others; the exit
    status is then 1, and 130 after Ctrl-C. Nothing half-built is published.
    """
    started = time.perf_counter()
    recipes = of_trait(select(catalogue(recipes_folder), patterns or []), only or [])
    if external_data:
        recipes = tuple(recipe.model_copy(update={"external_data": True}) for recipe in recipes)
    store = FileStore(root)
    planned = plan(recipes, store, force=force)
    if dry_run:
        return print_plan(planned, as_json=as_json)
    failures = _build_all(tuple(p.recipe for p in planned if p.reason), store, jobs)
    print_results(planned, failures, store, time.perf_counter() - started, as_json=as_json)
    _write_report(store, as_json=as_json)
    if failures:
        raise typer.Exit(1)
    return None


def _build_all(recipes: tuple[Recipe, ...], store: FileStore, jobs: int) -> dict[str, str]:
    """Build and record; the errors of those that failed, by model id."""
    failures = {}
    try:
        with (
            _sigterm_as_interrupt(),
            build_progress(errors) as watcher,
            closing(run_builds(recipes, store.root, jobs, watcher)) as outcomes,
        ):
            for outcome in outcomes:
                match outcome:
                    case Failed(model_id, error):
                        failures[model_id] = error
                    case Built():
                        _record(outcome, store)
    except KeyboardInterrupt:
        errors.print("interrupted: what was under way is cleared away, what was built stays built")
        raise typer.Exit(INTERRUPTED) from None
    return failures


def _record(built: Built, store: FileStore) -> None:
    record = BuildRecord(
        digest=built.manifest.digest,
        passes=built.passes,
        parameters=built.parameters,
        inputs=built.inputs,
        machine=this_machine(),
    )
    write_record(store.root, built.manifest, record)
    warn_over_bound(built.model_id, record)


def _write_report(store: FileStore, *, as_json: bool) -> None:
    try:
        page = write_report(store, if_changed=True)
    except (RegistryError, OSError) as exc:
        errors.print(f"[yellow]warning[/] no report: {escape(str(exc))}", soft_wrap=True)
        return
    if not as_json:
        console.print(f"report: {short(page)}", soft_wrap=True)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """A build that is told to end by `kill` clears up as after Ctrl-C."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
