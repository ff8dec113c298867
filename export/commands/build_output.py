"""What `python -m export build` prints: plans and results."""

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from export.commands.options import console, errors, megabytes, short
from export.jobs.plan import PlannedBuild
from export.jobs.record import BuildRecord, read_record
from registry import FileStore
from registry.manifest import Frozen


def print_plan(planned: tuple[PlannedBuild, ...], *, as_json: bool) -> None:
    """What would be built, and why."""
    if as_json:
        return console.print_json(
            data=[
                {
                    "model_id": build.recipe.model_id,
                    "version": build.recipe.version,
                    "build": build.reason is not None,
                    "reason": build.reason,
                }
                for build in planned
            ]
        )
    table = Table("model", "version", "", box=SIMPLE, pad_edge=False)
    for build in planned:
        why = f"build: {build.reason}" if build.reason else "up to date"
        table.add_row(build.recipe.model_id, build.recipe.version, escape(why))
    return console.print(table)


def print_results(
    planned: tuple[PlannedBuild, ...],
    failures: dict[str, str],
    store: FileStore,
    seconds: float,
    *,
    as_json: bool,
) -> None:
    """The artifacts that there are now; warnings and errors on stderr."""
    done = [build for build in planned if build.recipe.model_id not in failures]
    rows = [_row(build, store) for build in sorted(done, key=lambda b: b.recipe.model_id)]
    built = sum(row.built for row in rows)
    if as_json:
        failed = [{"model_id": name, "error": error} for name, error in failures.items()]
        console.print_json(data=[*(row.model_dump() for row in rows), *failed])
    else:
        console.print(_table(rows))
        counts = f"{built} built, {len(rows) - built} unchanged"
        failed_count = f", {len(failures)} failed" if failures else ""
        console.print(f"{counts}{failed_count}, {seconds:.1f} s, in {short(store.root)}")
    for error in failures.values():
        errors.print(f"[red]error[/] {escape(error)}", soft_wrap=True)


class _Row(Frozen):
    """An artifact as it is now. The last three are null where its build left no record."""

    model_id: str
    version: str
    size_category: str
    size_bytes: int
    max_abs_diff: float
    auroc: float | None
    digest: str
    path: str
    built: bool
    reason: str | None
    seconds: float | None
    peak_rss_bytes: int | None
    memory_bound_bytes: int | None


def _row(planned: PlannedBuild, store: FileStore) -> _Row:
    recipe = planned.recipe
    artifact = store.resolve(f"{recipe.model_id}@{recipe.version}")
    manifest = artifact.manifest
    record = read_record(store.root, manifest)
    return _Row(
        model_id=manifest.model_id,
        version=manifest.version,
        size_category=manifest.size_category,
        size_bytes=manifest.size_bytes,
        max_abs_diff=max(manifest.parity.max_abs_diff.values()),
        auroc=manifest.quality.auroc if manifest.quality else None,
        digest=manifest.digest,
        path=str(artifact.folder),
        built=planned.reason is not None,
        reason=planned.reason,
        seconds=round(record.seconds, 1) if record else None,
        peak_rss_bytes=record.peak_rss_bytes if record else None,
        memory_bound_bytes=record.memory_bound_bytes if record else None,
    )


def _table(rows: list[_Row]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for name in ("model", "category", "bytes", "parity", "AUROC", "build", "peak"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(
            row.model_id,
            row.size_category,
            f"{row.size_bytes:,}",
            f"{row.max_abs_diff:.1e}",
            "not evaluated" if row.auroc is None else f"{row.auroc:.4f}",
            "-" if row.seconds is None else f"{row.seconds:.1f} s",
            "-" if row.peak_rss_bytes is None else megabytes(row.peak_rss_bytes),
        )
    return table


def warn_over_bound(model_id: str, record: BuildRecord) -> None:
    """Say so where a build held more memory than it may."""
    if record.is_over_bound:
        errors.print(
            f"[yellow]warning[/] {model_id}: the build held {megabytes(record.peak_rss_bytes)}; "
            f"the bound is {megabytes(record.memory_bound_bytes)} "
            "(3 x weights in fp32 + 1.5 GB)",
            soft_wrap=True,
        )
