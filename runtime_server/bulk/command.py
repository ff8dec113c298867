"""`python -m runtime_server score`: scores a file of texts, on this machine or on a Ray cluster."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from registry import RegistryError
from runtime_server.bulk.errors import BulkError
from runtime_server.errors import EngineError, ServerError, SettingsError, StartError

if TYPE_CHECKING:
    from registry import Artifact
    from runtime_server.bulk.meter import Meter
    from runtime_server.bulk.part import Cut
    from runtime_server.bulk.result_columns import ResultColumns
    from runtime_server.bulk.run import Done, Job
    from runtime_server.bulk.workers import Workers
    from runtime_server.settings import Settings

BAD_USAGE: Final = 2
INTERRUPTED: Final = 130
HELP: Final = """Score a corpus: every row of a file gets a probability.

IN and OUT are .jsonl, .csv (each maybe .gz) or .parquet, and may differ. OUT has the rows of IN
in their order with all their columns, and probability, prediction, windows, truncated, model,
digest and error. A row whose text cannot be taken, such as an empty one, has an error instead of
a probability.

A run that breaks off, however it does, leaves its finished parts in OUT.parts; the same command
goes on from there.

[bold]Examples[/]

  python -m runtime_server score essays.jsonl scored.jsonl --model minilm-small

  python -m runtime_server score posts.csv scored.parquet --text-column body --id-column post_id

  python -m runtime_server score corpus.parquet scored.parquet --limit 1000

  python -m runtime_server score in.jsonl out.jsonl --engine ray --ray-address 10.0.0.1:6379
"""
EPILOG: Final = (
    "Exit status: 0 OUT is written, 1 it is not, 2 bad usage, 130 interrupted. REGISTRY_ROOT, "
    "DEFAULT_MODEL, MIN_TEXT_LENGTH, MAX_TEXT_LENGTH and the other settings hold here too "
    "(python -m runtime_server --help)."
)


class EngineName(StrEnum):
    """Where it is scored."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True)
class Force:
    """What does the work: `workers` are threads, or actors on the cluster at `ray_address`."""

    engine: EngineName
    workers: int | None
    ray_address: str | None


def score(
    corpus: Annotated[Path, typer.Argument(metavar="IN", help="The corpus.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    model: Annotated[
        str | None, typer.Option(help="`id`, `id@version` or `id+variant`, instead of the default.")
    ] = None,
    text_column: Annotated[str, typer.Option(help="Column (key) of the texts.")] = "text",
    id_column: Annotated[
        str | None, typer.Option(help="Column that names rows in messages, instead of numbers.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="AI-written from this probability on, instead of its own."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Before the names of the new columns.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of IN.")] = None,
    engine: Annotated[EngineName, typer.Option(help="This machine, or a Ray cluster.")] = (
        EngineName.LOCAL
    ),
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads, else one per core; Ray: actors, else one per node."),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="The cluster's, else one is started here."),
    ] = None,
    part_rows: Annotated[
        int | None, typer.Option(min=1, help="Rows of a part; by the model's size if not given.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop an earlier run's parts and OUT, begin anew.")
    ] = False,
) -> None:
    """Score a corpus."""
    # Imported late: the server, whose command line this is too, starts without it.
    from runtime_server.bulk.run import Job

    with _failing_in_one_line(out):
        settings, artifact = _chosen(model)
        job = Job(
            corpus,
            out,
            _columns(artifact, threshold, prefix),
            _cut(settings, artifact, part_rows),
            text_column,
            id_column,
            limit,
            restart,
        )
        _tell(_done(job, settings, artifact, Force(engine, workers, ray_address)), job)


def _chosen(model: str | None) -> "tuple[Settings, Artifact]":
    from runtime_server.catalogue import Catalogue
    from runtime_server.settings import load_settings

    settings = load_settings(workers=1)
    artifact = Catalogue.load(settings).choose(model, None).artifact
    artifact.verify()
    return settings, artifact


def _columns(artifact: "Artifact", threshold: float | None, prefix: str) -> "ResultColumns":
    from runtime_server.bulk.result_columns import ResultColumns

    own = artifact.manifest.decision.threshold
    return ResultColumns(artifact.manifest, own if threshold is None else threshold, prefix)


def _cut(settings: "Settings", artifact: "Artifact", part_rows: int | None) -> "Cut":
    from runtime_server.bulk.part import ROWS_OF, Cut
    from runtime_server.requests import TextLimits

    rows = part_rows or ROWS_OF[artifact.manifest.size_category]
    return Cut(rows, TextLimits.of(settings))


def _done(job: "Job", settings: "Settings", artifact: "Artifact", force: Force) -> "Done":
    from runtime_server.bulk.meter import Meter
    from runtime_server.bulk.run import run

    console = Console(stderr=True)

    def show(total: int, kept: int) -> "AbstractContextManager[Meter]":
        if kept:
            console.print(f"{kept:,} of {total:,} rows are kept from an earlier run")
        return Meter.shown(console, total, kept)

    def start() -> "AbstractContextManager[Workers]":
        return _started(settings, artifact, force, console)

    return run(job, start, show, lambda doing: console.status(escape(doing)))


def _started(
    settings: "Settings", artifact: "Artifact", force: Force, console: Console
) -> "AbstractContextManager[Workers]":
    from runtime_server.bulk.scorer import Room
    from runtime_server.bulk.workers import LocalWorkers
    from runtime_server.cpu_quota import usable_cores

    room = Room.of(settings)
    if force.engine is EngineName.LOCAL:
        return LocalWorkers.started(artifact, room, force.workers or usable_cores())
    from runtime_server.bulk.ray_workers import RayWorkers

    def say(message: str) -> None:
        console.print(message, soft_wrap=True, highlight=False, markup=False)

    return RayWorkers.started(artifact, room, force.workers, force.ray_address, say)


def _tell(done: "Done", job: "Job") -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[green]done[/] {done.rows:,} rows in {escape(str(job.out))}, {_work(done)}")
    if not done.n_refused:
        return
    console.print(f"{done.n_refused:,} without a probability; their column error says why:")
    for refusal in done.refusals:
        console.print(escape(f"  {refusal.name}: {refusal.error}"))
    if done.n_refused > len(done.refusals):
        console.print("  …")


def _work(done: "Done") -> str:
    if not done.scored:
        return "all scored by an earlier run" if done.rows else "none to score"
    from runtime_server.bulk.meter import rate

    per_s = rate(done.scored, done.seconds)
    return f"{done.scored:,} scored in {done.seconds:,.1f} s ({per_s})"


@contextmanager
def _failing_in_one_line(out: Path) -> Iterator[None]:
    go_on = f"what is finished is kept in {out}.parts; the same command goes on"
    try:
        yield
    except SettingsError as exc:
        _fail(str(exc), BAD_USAGE)
    except ServerError as exc:
        _fail(exc.detail, BAD_USAGE)
    except (BulkError, RegistryError, StartError) as exc:
        _fail(str(exc), 1)
    except EngineError as exc:
        _fail(f"{exc.reason}: {exc.detail}", 1)
    except OSError as exc:
        _fail(f"{exc}; {go_on}", 1)
    except ModuleNotFoundError as exc:
        _fail(f"{exc.name} is not installed: pip install 'samegraph[server,cpu,tokens]'", 1)
    except KeyboardInterrupt:
        Console(stderr=True, highlight=False).print(
            f"[yellow]interrupted[/]; {escape(go_on)}", soft_wrap=True
        )
        raise typer.Exit(INTERRUPTED) from None


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"[red]error[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(status)
