"""A result as people read it in a terminal."""

from typing import Final

from rich.console import Group
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from registry.cautions import Caution
from runtime_server.problem import Problem
from runtime_server.result import BatchItem, ErrorItem, PredictResult

WIDTH: Final = 80
_TITLE_WIDTH: Final = 64


def item_panel(title: str, item: BatchItem) -> Panel:
    """The panel for a text of that title."""
    if isinstance(item, ErrorItem):
        return _panel(title, _refusal(item.error), "yellow")
    return _panel(title, _judgement(item), _colour(item))


def title_of(text: str) -> str:
    """The beginning of a text, on one line; a text cannot speak to the terminal through it."""
    beginning = text[: 4 * _TITLE_WIDTH]
    return " ".join("".join(c if c.isprintable() else " " for c in beginning).split())


def _panel(title: str, content: Group | Text, colour: str) -> Panel:
    head = Text(title or "(no text)")
    head.truncate(_TITLE_WIDTH, overflow="ellipsis")
    return Panel(content, title=head, title_align="left", border_style=colour, width=WIDTH)


def _judgement(result: PredictResult) -> Group | Text:
    if result.probability is None:
        return Text("Not judged: the server left it to the caller to run the model.")
    row = Table.grid(padding=(0, 2), expand=True)
    row.add_column(no_wrap=True, min_width=len("human-written"))
    row.add_column(ratio=1)
    row.add_column(no_wrap=True, justify="right")
    colour = _colour(result)
    row.add_row(
        Text(_verdict(result), style=f"bold {colour}"),
        ProgressBar(
            total=1.0, completed=result.probability, complete_style=colour, finished_style=colour
        ),
        Text(f"{result.probability:.1%} AI", style="bold"),
    )
    return Group(row, Text(_foundation(result), style="dim"))


def _verdict(result: PredictResult) -> str:
    if Caution.TOO_SHORT in result.metadata.warnings:
        return "too short"
    if Caution.UNCERTAIN in result.metadata.warnings:
        return "uncertain"
    return "AI-written" if result.is_fake else "human-written"


def _foundation(result: PredictResult) -> str:
    metadata = result.metadata
    load_ms = metadata.timings_ms.load
    parts = (
        f"threshold {metadata.threshold:.1%}",
        f"{result.model_id} {metadata.model_version}",
        f"{result.backend} ({_short(metadata.provider)})",
        f"{result.latency_ms:.1f} ms" + (f" ({load_ms:.0f} to load)" if load_ms >= 1 else ""),
        *(("only its beginning was read",) if metadata.truncated else ()),
    )
    return " · ".join(parts)


def _short(provider: str | None) -> str:
    return (provider or "unknown").removesuffix("ExecutionProvider")


def _refusal(problem: Problem) -> Text:
    return Text(f"{problem.title}: {problem.detail} ({problem.code})")


def _colour(result: PredictResult) -> str:
    if result.metadata.warnings:
        return "yellow"
    return "magenta" if result.is_fake else "green"
