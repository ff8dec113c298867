"""`python -m benchmarks.quantization`: every quantization scheme on one model, side by side."""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import MARKDOWN, SIMPLE, Box
from rich.console import Console
from rich.table import Table

from benchmarks.environment import Environment
from benchmarks.schemes import (
    BATCHES,
    FORMS,
    TOKENS,
    SchemeBench,
    SchemeResult,
    relative_speeds,
)
from export.errors import ExportError
from export.passes.load import load
from export.provenance import source_digest
from export.quantization.overflow import overflows
from export.recipe import RECIPES, Recipe, read_recipe
from registry.manifest import Quantization

console = Console(width=None if sys.stdout.isatty() else 140)
# A drift that a text this close to the threshold would have to survive.
NEAR = 0.1
COLUMNS = ("scheme", "MB", "Δp p50", "p99", "max", "flips", "batch", "wasm")


@dataclass(frozen=True)
class Row:
    """A scheme, and how many times as fast as fp32 it is, by batch."""

    result: SchemeResult
    speeds: dict[int, float]

    def cells(self) -> tuple[str, ...]:
        """As the table shows them."""
        result, drift = self.result, self.result.drift
        return (
            result.name,
            f"{result.bytes / 1e6:.1f}",
            *(f"{value:.1e}" for value in (drift.p50, drift.p99, drift.max)),
            f"{drift.flips:.1%}",
            f"{result.batch:.1e}",
            "not loaded" if result.runtime is None else f"{result.runtime:.1e}",
            *(f"{self.speeds[batch]:.2f}" for batch in BATCHES),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        result = self.result
        return {
            "scheme": result.name,
            "quantization": result.form.model_dump(mode="json"),
            "bytes": result.bytes,
            "drift": result.drift.model_dump(mode="json"),
            "batch_max_abs_diff": result.batch,
            "wasm_max_abs_diff": result.runtime,
            "times_fp32": {f"{batch}x{TOKENS}": self.speeds[batch] for batch in BATCHES},
        }


@dataclass(frozen=True)
class Measurement:
    """The rows, and what one must know to read them.

    `near_threshold` counts the texts whose label a drift of NEAR could flip; `load` is how many
    processes wanted a core when the speeds had been measured.
    """

    rows: tuple[Row, ...]
    near_threshold: int
    rounds: int
    load: float
    source_digest: str

    def note(self, environment: Environment) -> str:
        """Where, and on how much, it was measured."""
        products = "overflow" if overflows() else "do not overflow"
        texts = self.rows[0].result.drift.n
        return (
            f"{environment.line}, load {self.load:.1f}. "
            f"Products of 8 bits by 8 {products} on this CPU. Drift and "
            f"flips on {texts} texts, of which {self.near_threshold} lie within {NEAR} of the "
            f"threshold; batch and wasm on the golden texts; speed in times fp32, by CPU time of "
            f"one thread, median of {self.rounds} rounds."
        )


def measure(
    recipe: Recipe, forms: tuple[Quantization, ...], texts: int, rounds: int
) -> Measurement:
    """Every form of the recipe's model; the speeds last, all forms in turn."""
    with tempfile.TemporaryDirectory() as folder:
        bench = SchemeBench(load(recipe), Path(folder), texts)
        graphs = bench.write_graphs(forms)
        results = []
        for form, graph in graphs.items():
            results.append(bench.measure(form, graph))
            console.log(f"measured {results[-1].name}")
        speeds = {batch: relative_speeds(graphs, bench.feeds(batch), rounds) for batch in BATCHES}
    rows = tuple(
        Row(result, {batch: speeds[batch][result.form] for batch in BATCHES}) for result in results
    )
    near, digest = bench.count_near_threshold(NEAR), source_digest(recipe)
    return Measurement(rows, near, rounds, os.getloadavg()[0], digest)


def table(rows: tuple[Row, ...], box: Box) -> Table:
    """One line per scheme."""
    shown = Table(box=box)
    shown.add_column("scheme", no_wrap=True)
    speeds = [f"speed {batch}x{TOKENS}" for batch in BATCHES]
    for column in (*COLUMNS[1:], *speeds):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(*row.cells())
    return shown


def markdown(measured: Measurement, note: str) -> str:
    """The table and its note."""
    page = StringIO()
    Console(file=page, width=200).print(table(measured.rows, MARKDOWN))
    return f"{page.getvalue().strip()}\n\n{note}\n"


def write(measured: Measurement, environment: Environment, folder: Path) -> None:
    """quantization.json and quantization.md."""
    content = {
        "environment": {**environment.as_json(), "load": measured.load},
        "source_digest": measured.source_digest,
        "rounds": measured.rounds,
        "texts_near_threshold": measured.near_threshold,
        "schemes": [row.as_json() for row in measured.rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quantization.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    text = markdown(measured, measured.note(environment))
    (folder / "quantization.md").write_text(text, "utf-8")


def main(
    model: Annotated[
        str, typer.Option(help="Recipe of a model that reads tokens.")
    ] = "minilm-small",
    texts: Annotated[int, typer.Option(min=10, help="Texts to measure the drift on.")] = 500,
    rounds: Annotated[int, typer.Option(min=3, help="Turns of each scheme for its speed.")] = 15,
    scheme: Annotated[
        list[str] | None, typer.Option(help="Only this scheme, and fp32; may be repeated.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for JSON and Markdown.")] = None,
) -> None:
    """Measure bytes, drift, dependence on batch and runtime, and speed of every scheme."""
    forms = tuple(form for form in FORMS if not scheme or form.scheme in ("fp32", *scheme))
    try:
        recipe = read_recipe(RECIPES / model)
        measured = measure(recipe, forms, texts, rounds)
    except ExportError as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    environment = Environment.current()
    console.print(table(measured.rows, SIMPLE))
    console.print(measured.note(environment))
    if output is not None:
        write(measured, environment, output)


if __name__ == "__main__":
    typer.run(main)
