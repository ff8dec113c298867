"""`python -m runtime_server keys`: who may ask the server."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from runtime_server.access.api_key import KeyScope, new_key
from runtime_server.access.key_store import KeyStore, KeyStoreError, key_store
from runtime_server.errors import SettingsError
from runtime_server.settings import RateLimit, load_settings

HELP: Final = """Add, list and revoke API keys, in the store that API_KEYS names.

[bold]Examples[/]

  export API_KEYS=keys.json                          a file, or redis with REDIS_URL

  python -m runtime_server keys add shop --rate-limit 600/minute

  python -m runtime_server keys add prometheus --scope metrics

  python -m runtime_server keys revoke shop
"""
commands = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode="rich")
output, errors = Console(), Console(stderr=True)
Result = TypeVar("Result")


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What logs call it: letters, digits, . _ -")],
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(help="What it is for; several times for several. [default: predict]"),
    ] = None,
    rate_limit: Annotated[
        str | None, typer.Option(help="Texts that it may have judged, in place of RATE_LIMIT.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires.")] = None,
) -> None:
    """Make a key, and show it: once, because only a hash of it is kept."""
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
    try:
        limit = TypeAdapter(RateLimit | None).validate_python(rate_limit)
        secret, key = new_key(name, scope or [KeyScope.PREDICT], rate_limit=limit, expires=expires)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        _fail(f"{_option(first['loc'])}: {first['msg'].removeprefix('Value error, ')}")
    _run(lambda store: store.add(key))
    output.print(secret, highlight=False, soft_wrap=True)
    errors.print(
        f"[green]{name}[/] may {_listed(key.scopes)}; this is the only time that the key is shown"
    )


@commands.command("list")
def show() -> None:
    """Name, scopes, limit and age of every key."""
    table = Table("name", "scopes", "rate limit", "created", "expires", box=None, pad_edge=False)
    now = datetime.now(UTC)
    for key in _run(lambda store: store.read()):
        over = " (expired)" if key.has_expired(now) else ""
        table.add_row(
            key.name,
            _listed(key.scopes),
            key.rate_limit or "",
            f"{key.created:%Y-%m-%d}",
            f"{key.expires:%Y-%m-%d}{over}" if key.expires else "never",
        )
    if table.row_count:
        output.print(table)
    else:
        errors.print("there are no keys yet: python -m runtime_server keys add NAME")


@commands.command()
def revoke(name: Annotated[str, typer.Argument(help="Of the key.")]) -> None:
    """Take a key away; servers refuse it within seconds."""
    if not _run(lambda store: store.remove(name)):
        _fail(f"there is no key {name}")
    errors.print(f"[green]{name}[/] is revoked")


def _run(work: Any) -> Any:  # noqa: ANN401
    try:
        settings = load_settings()
        if settings.api_keys is None:
            raise SettingsError(
                "set API_KEYS to a file for the keys, such as keys.json, or to redis"
            )
        store = key_store(settings.api_keys, settings.redis_url)
        return asyncio.run(_with(store, work(store)))
    except (KeyStoreError, SettingsError) as exc:
        _fail(str(exc))


async def _with(store: KeyStore, work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return await work
    finally:
        await store.close()


def _listed(scopes: frozenset[KeyScope]) -> str:
    return ", ".join(sorted(scopes))


def _option(location: tuple[int | str, ...]) -> str:
    return str(location[0]).replace("_", "-") if location else "--rate-limit"


def _fail(message: str) -> Any:  # noqa: ANN401
    errors.print(f"[red]error[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1)
