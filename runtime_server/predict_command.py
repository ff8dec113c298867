"""`python -m runtime_server predict`: judges texts here, or asks a server."""

import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from registry import RegistryError
from runtime_server.errors import ServerError, SettingsError, StartError
from runtime_server.result import BatchItem, ErrorItem
from runtime_server.result_panel import item_panel, title_of

BAD_USAGE: Final = 2
STDIN: Final = "-"
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

Items = Callable[[Iterable[str]], Iterator[BatchItem]]


@dataclass(frozen=True)
class Question:
    """What the command was asked."""

    model: str | None
    threshold: float | None
    server: str | None
    api_key: str | None


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
    given = (*(texts or ()), *(files or ()))
    if not given:
        raise typer.BadParameter("give a text, - or --file FILE", param_hint="TEXT")
    question = Question(model, threshold, server, api_key)
    with _told_in_one_line(), _answering(question) as items:
        n_failed = _print(_texts(given, lines=lines), items, _printer(as_json=as_json))
    if n_failed:
        raise typer.Exit(1)


def _texts(given: Sequence[str | Path], *, lines: bool) -> Iterator[str]:
    for source in given:
        if isinstance(source, str) and source != STDIN:
            yield source
            continue
        with _opened(source, newline=None if lines else "") as content:
            if lines:
                yield from (line.rstrip("\n") for line in content)
            else:
                yield content.read()


def _opened(source: str | Path, newline: str | None) -> AbstractContextManager[io.TextIOWrapper]:
    if isinstance(source, Path):
        return source.open(encoding="utf-8", errors="replace", newline=newline)
    assert isinstance(sys.stdin, io.TextIOWrapper)  # noqa: S101  # only a test replaces it
    sys.stdin.reconfigure(encoding="utf-8", errors="replace", newline=newline)
    return nullcontext(sys.stdin)


def _answering(question: Question) -> AbstractContextManager[Items]:
    return _here(question) if question.server is None else _there(question, question.server)


@contextmanager
def _here(question: Question) -> Iterator[Items]:
    # Imported late, as below: to ask a server takes no onnxruntime, to run a model no HTTP client.
    from runtime_server.run_here import Here
    from runtime_server.settings import load_settings

    with Here.opened(load_settings(), question.model, question.threshold) as here:
        yield here.items


@contextmanager
def _there(question: Question, url: str) -> Iterator[Items]:
    from runtime_server.client import Client, ClientError

    try:
        with Client(url, api_key=question.api_key) as client:
            yield lambda texts: (
                line.item
                for line in client.stream_batch(
                    texts, model_id=question.model, threshold=question.threshold
                )
            )
    except ClientError as exc:
        _fail(str(exc), 1)


def _print(texts: Iterable[str], items: Items, show: Callable[[str, BatchItem], None]) -> int:
    """How many texts could not be judged."""
    waiting: deque[str] = deque()
    n_failed = 0
    for item in items(_noted(texts, waiting)):
        show(waiting.popleft(), item)
        n_failed += isinstance(item, ErrorItem)
    return n_failed


def _noted(texts: Iterable[str], waiting: deque[str]) -> Iterator[str]:
    for text in texts:
        waiting.append(title_of(text))
        yield text


def _printer(*, as_json: bool) -> Callable[[str, BatchItem], None]:
    if as_json:
        return lambda _, item: typer.echo(item.model_dump_json())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a text may hold what the terminal cannot show
    console = Console(highlight=False)
    return lambda title, item: console.print(item_panel(title, item))


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except SettingsError as exc:
        _fail(str(exc), BAD_USAGE)
    except (StartError, RegistryError) as exc:
        _fail(str(exc), 1)
    except ModuleNotFoundError as exc:
        _fail(f"{exc.name} is not installed: pip install 'samegraph[server,client,cpu,tokens]'", 1)
    except ServerError as exc:
        _fail(f"{exc.detail}. {exc.extra.get('suggestion', '')}".strip(), 1)


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"[red]error[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(status)
