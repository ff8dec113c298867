"""The command line of `python -m runtime_server`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from runtime_server import keys_command, modal_command, predict_command
from runtime_server.bulk import command as bulk_command
from runtime_server.errors import SettingsError, StartError
from runtime_server.settings import Settings, load_settings

BAD_SETTING = 2

HELP = """Serve the models of the registry over HTTP.

[bold]Examples[/]

  python -m runtime_server                          http://127.0.0.1:8000, demo page at /demo/

  python -m runtime_server --host 0.0.0.0 --port 80 --workers 4

  AVAILABLE_MODELS=lexical-tiny python -m runtime_server --check-config

  python -m runtime_server predict "A text."        judge a text, no server needed

  python -m runtime_server score IN.csv OUT.csv     judge every row of a file
"""


def _settings_list() -> str:
    lines = (
        f"[cyan]{name.upper()}[/]  {escape(field.description or '')}"
        for name, field in Settings.model_fields.items()
    )
    head = "[bold]Settings[/], from the environment or from a file .env here (see .env.example):"
    return "\n\n".join((head, *lines))


app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich", help=HELP
)
errors = Console(stderr=True)


@app.callback(invoke_without_command=True, help=HELP, epilog=_settings_list())
def main(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port, instead of PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, instead of WORKERS.")] = None,
    check_config: Annotated[
        bool, typer.Option("--check-config", help="Check settings and registry, then exit 0 or 1.")
    ] = False,
) -> None:
    """Start the server, or check what it would start with; or make way for a command."""
    if context.invoked_subcommand is not None:
        return
    try:
        settings = load_settings(host=host, port=port, workers=workers)
        _check(settings) if check_config else _serve(settings)
    except SettingsError as exc:
        _fail(exc, 1 if check_config else BAD_SETTING)
    except StartError as exc:
        _fail(exc, 1)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


app.add_typer(modal_command.commands, name="modal")
app.add_typer(keys_command.commands, name="keys")
app.command(help=predict_command.HELP, epilog=predict_command.EPILOG)(predict_command.predict)
app.command(help=bulk_command.HELP, epilog=bulk_command.EPILOG)(bulk_command.score)


def _check(settings: Settings) -> None:
    from runtime_server.config_check import check_config

    if not check_config(Console(), settings):
        raise typer.Exit(1)


def _serve(settings: Settings) -> None:
    # Imported late: --help and a bad setting need no web framework and no onnxruntime.
    from runtime_server.announcement import announce
    from runtime_server.catalogue import Catalogue
    from runtime_server.serving import listen, serve

    Catalogue.load(settings)
    with listen(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        serve(settings, listener, lambda: announce(Console(), settings, port))


def _fail(error: Exception, status: int) -> None:
    errors.print(f"[red]error[/] {escape(str(error))}", soft_wrap=True, highlight=False)
    raise typer.Exit(status)
