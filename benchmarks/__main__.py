"""`python -m benchmarks`: time one prediction in every place where an artifact runs."""

import sys
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.environment import Environment
from benchmarks.latency import WORDS, Latency, measure
from registry import FileStore, RegistryError

console = Console(width=None if sys.stdout.isatty() else 120)


def _table(latencies: list[Latency]) -> Table:
    fastest = min(latency.median for latency in latencies)
    table = Table(box=SIMPLE)
    for column in ("runtime", "median ms", "p95 ms", "against the fastest", "n"):
        table.add_column(column, justify="left" if column == "runtime" else "right")
    for latency in latencies:
        table.add_row(
            latency.runtime,
            f"{latency.median:.3f}",
            f"{latency.p95:.3f}",
            f"{latency.median / fastest:.2f} x",
            str(len(latency.milliseconds)),
        )
    return table


def main(
    model: Annotated[str, typer.Option(help="Model id.")] = "lexical-tiny",
    rounds: Annotated[int, typer.Option(min=1, help="Times that each runtime has its turn.")] = 3,
    predictions: Annotated[int, typer.Option(min=20, help="Predictions per turn.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time one prediction of 300 words in Python, Node.js, Chromium and over HTTP."""
    try:
        artifact = FileStore().resolve(model)
    except RegistryError as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    environment = Environment.current(artifact.manifest.digest)
    with Console(stderr=True).status("measuring, about a minute"):
        latencies = measure(artifact, rounds, predictions)
    if as_json:
        rows = [{"runtime": x.runtime, "median_ms": x.median, "p95_ms": x.p95} for x in latencies]
        return console.print_json(data={"environment": environment.as_json(), "latency": rows})
    console.print(f"{artifact.manifest.reference}, one prediction of {WORDS} words")
    console.print(_table(latencies))
    console.print(
        f"{environment.cpu}, {environment.cores} cores, {environment.system}, "
        f"Python {environment.python}, onnxruntime {environment.onnxruntime}, "
        f"artifact {environment.artifact_digest[:12]}"
    )
    return None


if __name__ == "__main__":
    typer.run(main)
