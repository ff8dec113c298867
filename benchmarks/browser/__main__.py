"""`python -m benchmarks.browser`: warm predictions, and first visits against transformers.js.

Both libraries run the same graph of minilm-small, on one thread of WebAssembly, in the same browser
and in turns; each visit begins with empty caches. Their files come from the same loopback server.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.browser.peer import VERSION
from benchmarks.browser.site import build, served
from benchmarks.browser.visits import Visited, chromium, take_turns
from benchmarks.environment import Environment
from benchmarks.latency import WORDS, sample_text
from registry import FileStore

# One window of minilm-small, so that either library reads all of it.
FEW_WORDS = 100
console = Console(width=None if sys.stdout.isatty() else 120)


def _visits() -> list[Visited]:
    return [
        Visited(f"transformers.js {VERSION}, minilm-small", "transformers.html"),
        Visited("samegraph-web, minilm-small", "samegraph.html?model=minilm-small"),
        Visited("samegraph-web, lexical-tiny", "samegraph.html?model=lexical-tiny"),
    ]


def _visits_table(visits: list[Visited]) -> Table:
    table = Table("first visit", box=SIMPLE)
    for column in ("median ms", "least", "most", "against transformers.js", "probability"):
        table.add_column(column, justify="right")
    for visit in visits:
        table.add_row(
            visit.name,
            f"{visit.median:.0f}",
            f"{min(visit.milliseconds):.0f}",
            f"{max(visit.milliseconds):.0f}",
            f"{visit.ratio_to(visits[0]):.2f} x",
            f"{visit.probability:.6f}",
        )
    return table


def _warm_table(warm: dict[str, list[float]]) -> Table:
    table = Table(f"warm lexical-tiny, {WORDS} words", box=SIMPLE)
    for column in ("least ms", "median ms", "p95 ms"):
        table.add_column(column, justify="right")
    for thread, times in warm.items():
        p95 = statistics.quantiles(times, n=20)[18]
        figures = (min(times), statistics.median(times), p95)
        table.add_row(thread, *(f"{figure:.3f}" for figure in figures))
    return table


def main(
    rounds: Annotated[int, typer.Option(min=1, help="First visits of each way.")] = 7,
    predictions: Annotated[int, typer.Option(min=200, help="Warm predictions per turn.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Time the library in Chromium, first visits against transformers.js."""
    store = FileStore()
    tiny, small = store.resolve("lexical-tiny"), store.resolve("minilm-small")
    visits = _visits()
    warm: dict[str, list[float]] = {"main": [], "worker": []}
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), [tiny, small], small)
        with served(Path(folder)) as url, chromium(url) as browser:
            for _ in range(3):
                for thread, times in warm.items():
                    times += browser.warm("lexical-tiny", sample_text(tiny), thread, predictions)
            text = " ".join(sample_text(tiny).split()[:FEW_WORDS])
            take_turns(browser, visits, text, rounds)
            version = browser.version
    environment = Environment.current((tiny, small))
    if as_json:
        rows = [
            {"name": v.name, "ms": v.milliseconds, "ratio": v.ratio_to(visits[0])} for v in visits
        ]
        found = {"chromium": version, "first_visits": rows, "warm_ms": warm}
        print(json.dumps({"environment": environment.as_json(), **found}))  # noqa: T201
        return
    console.print(_warm_table(warm))
    console.print(_visits_table(visits))
    console.print(f"Chromium {version}, {environment.line}")


if __name__ == "__main__":
    typer.run(main)
