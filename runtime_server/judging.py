"""Judges the texts of a command line, and prints each result as it comes."""

import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import typer
from rich.console import Console

from runtime_server.result import BatchItem, ErrorItem
from runtime_server.result_panel import item_panel, title_of

# An item per text, in order.
Judge = Callable[[Iterable[str]], Iterator[BatchItem]]
Show = Callable[[str, BatchItem], None]


@dataclass(frozen=True)
class Question:
    """What the command was asked; it runs the model here where no server is named."""

    model: str | None
    threshold: float | None
    server: str | None
    api_key: str | None

    def judge(self) -> AbstractContextManager[Judge]:
        """What answers it. Raises what Here.opened does, or ClientError."""
        return _here(self) if self.server is None else _there(self, self.server)


def print_judged(texts: Iterable[str], judge: Judge, *, as_json: bool) -> int:
    """How many texts could not be judged."""
    show = _line if as_json else _panels()
    titles: deque[str] = deque()
    n_failed = 0
    for item in judge(_noted(texts, titles)):
        show(titles.popleft(), item)
        n_failed += isinstance(item, ErrorItem)
    return n_failed


def _noted(texts: Iterable[str], titles: deque[str]) -> Iterator[str]:
    for text in texts:
        titles.append(title_of(text))
        yield text


def _line(_title: str, item: BatchItem) -> None:
    typer.echo(item.model_dump_json())


def _panels() -> Show:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a text may hold what the terminal cannot show
    console = Console(highlight=False)
    return lambda title, item: console.print(item_panel(title, item))


# Imported late: to ask a server takes no onnxruntime, and to run a model no HTTP client.


@contextmanager
def _here(question: Question) -> Iterator[Judge]:
    from runtime_server.run_here import Here
    from runtime_server.settings import load_settings

    with Here.opened(load_settings(), question.model, question.threshold) as here:
        yield here.items


@contextmanager
def _there(question: Question, url: str) -> Iterator[Judge]:
    from runtime_server.client import Client

    with Client(url, api_key=question.api_key) as client:
        yield lambda texts: (
            line.item
            for line in client.stream_batch(
                texts, model_id=question.model, threshold=question.threshold
            )
        )
