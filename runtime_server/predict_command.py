"""`python -m runtime_server predict`: judges texts here, or asks a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from registry import RegistryError
from runtime_server.errors import ClientError, ServerError, SettingsError, StartError

BAD_USAGE: Final = 2
HELP: Final = """Judge texts: is each AI-written or human-written?

The model of the registry runs right here; with --server, a running server is asked.

[bold]Examples[/]

  python -m runtime_server predict "It is important to note that ..."

  python -m runtime_server predict --model minilm-small --file essay.txt

  cat essay.txt | python -m runtime_server predict -

  python -m runtime_server predict --json --lines --file texts.txt

  python -m runtime_server predict "A text." --server http://127.0.0.1:8000
"""
EPILOG: Final = (
    "Exit status: 0 every text was judged, 1 one could not be, 2 bad usage. REGISTRY_ROOT, "
    "DEFAULT_MODEL and the other settings hold here too (python -m runtime_server --help)."
)


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Texts; - is all of standard input."),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--file", exists=True, dir_okay=False, readable=True, help="A text; may be repeated."
        ),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Each line of files and standard input is a text.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="`id`, `id@version` or `id+variant`, instead of the default.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="AI-written from this probability on, instead of its own."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this server instead of running here.")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="SAMEGRAPH_API_KEY", show_envvar=True, help="Key that the server wants."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each text, as it is judged.")
    ] = False,
) -> None:
    """Judge texts."""
    sources = (*(texts or ()), *(files or ()))
    if not sources:
        raise typer.BadParameter("give a text, - or --file FILE", param_hint="TEXT")
    # Imported late: the server, whose command line this is too, starts without it.
    from runtime_server.judging import Question, print_judged
    from runtime_server.text_sources import texts_of

    with (
        _failing_in_one_line(),
        Question(model, threshold, server, api_key).judge() as judge,
    ):
        n_failed = print_judged(texts_of(sources, lines=lines), judge, as_json=as_json)
    if n_failed:
        raise typer.Exit(1)


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as exc:
        _fail(str(exc), BAD_USAGE)
    except (ClientError, RegistryError, StartError) as exc:
        _fail(str(exc), 1)
    except ModuleNotFoundError as exc:
        _fail(f"{exc.name} is not installed: pip install 'samegraph[server,client,cpu,tokens]'", 1)
    except ServerError as exc:
        _fail(f"{exc.detail}. {exc.extra.get('suggestion', '')}".strip(), 1)


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"[red]error[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(status)
