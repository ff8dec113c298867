"""`python -m runtime_server modal`: deploys, publishes, looks, and takes away again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from registry import Artifact, FileStore, RegistryError
from registry.signature import check_signature, public_key_bytes
from runtime_server.errors import SettingsError, StartError
from runtime_server.settings import Settings, load_settings

if TYPE_CHECKING:
    from runtime_server.modal_admin import ModalAdmin, ModalStatus

HELP: Final = """Run models on Modal, on GPUs that are paid by the second.

[bold]Examples[/]

  python -m runtime_server modal publish fusion-medium    upload the artifact

  python -m runtime_server modal deploy                   and what runs it

  python -m runtime_server modal status                   what is there, what is warm, what it costs

  python -m runtime_server modal remove                   stop it; --artifacts deletes them too

The token is MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or that of `modal token set`. docs/modal.md
"""
BAD_SETTING: Final = 2

T = TypeVar("T")

commands = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    no_args_is_help=True,
    help=HELP,
)
console = Console()
errors = Console(stderr=True)


@commands.command()
def deploy() -> None:
    """Deploy the class that runs artifacts, with the GPU and limits of the settings."""
    with _failing_in_one_line():
        settings = load_settings()
        _run(settings, lambda admin: admin.deploy())
        console.print(
            f"deployed [bold]{settings.modal_app_name}[/] on {settings.modal_gpu}, "
            f"{settings.modal_min_containers} to {settings.modal_max_containers} containers per "
            "model"
        )


@commands.command()
def publish(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL…", help="`id`, `id@version` or `id+variant`.")
    ],
) -> None:
    """Upload artifacts to the Volume, each under its digest; what is there is skipped."""
    with _failing_in_one_line():
        settings = load_settings()
        store = FileStore(settings.registry_root)
        artifacts = [store.resolve(model) for model in models]
        for artifact in artifacts:
            # A damaged file would only be found out on a GPU.
            artifact.verify()
            if settings.artifact_public_key is not None:
                # Containers refuse what is not signed by it.
                check_signature(artifact, public_key_bytes(settings.artifact_public_key))
        _run(settings, lambda admin: _publish(admin, artifacts))


@commands.command()
def status() -> None:
    """What is deployed, published and warm, what waits, and what it costs."""
    with _failing_in_one_line():
        settings = load_settings()
        _print_status(_run(settings, lambda admin: admin.status()), settings)


@commands.command()
def remove(
    artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Delete the Volume with all artifacts, too.")
    ] = False,
) -> None:
    """Stop the app and its containers: from then on Modal costs nothing."""
    with _failing_in_one_line():
        settings = load_settings()
        found = _run(settings, lambda admin: admin.remove(artifacts=artifacts))
        name = settings.modal_app_name
        console.print(f"removed {name}" if found else f"there is no app {name}")
        if artifacts:
            console.print(f"removed the Volume {settings.modal_volume}")


def _run(settings: Settings, work: Callable[["ModalAdmin"], Awaitable[T]]) -> T:
    # Imported late: --help needs no modal package.
    from runtime_server.modal_credentials import require_credentials

    credentials = require_credentials(settings)

    from runtime_server.modal_admin import ModalAdmin
    from runtime_server.modal_plan import ModalPlan

    async def connected() -> T:
        async with ModalAdmin.connected(credentials, ModalPlan.of(settings)) as admin:
            return await work(admin)

    return asyncio.run(connected())


async def _publish(admin: "ModalAdmin", artifacts: list[Artifact]) -> None:
    from runtime_server.modal_upload import upload_bytes

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    for artifact in artifacts:
        reference = artifact.manifest.reference
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(reference, total=upload_bytes(artifact))
            sent = await admin.publish(artifact, partial(progress.advance, task))
        told = f"{sent / 1e6:.1f} MB sent" if sent else "was there"
        console.print(f"{reference} {artifact.manifest.digest[:12]} {told}", highlight=False)


def _print_status(status: "ModalStatus", settings: Settings) -> None:
    from runtime_server.modal_price import usd_per_hour

    state = "deployed" if status.deployed else "not deployed"
    console.print(f"app {settings.modal_app_name}: {state}", highlight=False)
    price = usd_per_hour(settings)
    told = "unknown: set MODAL_USD_PER_HOUR" if price is None else f"${price:.2f} an hour"
    console.print(f"a container with {settings.modal_gpu} that is up: {told}", highlight=False)
    table = Table("model", "digest", "MB", "containers", "backlog")
    for model in status.models:
        pool = model.pool
        table.add_row(
            model.manifest.reference,
            model.manifest.digest[:12],
            f"{model.manifest.size_bytes / 1e6:.1f}",
            "-" if pool is None else f"{pool.containers} warm" if pool.containers else "0",
            "-" if pool is None else str(pool.backlog),
        )
    if status.models:
        console.print(table)
    else:
        console.print("no artifact is published: python -m runtime_server modal publish MODEL")


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as exc:
        _fail(exc, BAD_SETTING)
    except (RegistryError, StartError) as exc:
        _fail(exc, 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(error: Exception, status: int) -> None:
    errors.print(f"[red]error[/] {escape(str(error))}", soft_wrap=True, highlight=False)
    raise typer.Exit(status)
