"""`python -m benchmarks.quantization`: every quantization scheme on one model, side by side."""

import json
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
            *(f"{value:.0e}" for value in (drift.p50, drift.p99, drift.max)),
            f"{drift.flips:.1%}",
            f"{result.batch:.0e}",
            "not loaded" if result.runtime is None else f"{result.runtime:.0e}",
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


def measure(recipe: Recipe, forms: tuple[Quantization, ...], texts: int, rounds: int) -> list[Row]:
    """Every form of the recipe's model; the speeds last, all forms in turn."""
    with tempfile.TemporaryDirectory() as folder:
        bench = SchemeBench(load(recipe), Path(folder), texts)
        graphs = bench.write_graphs(forms)
        results = []
        for form, graph in graphs.items():
            results.append(bench.measure(form, graph))
            console.log(f"measured {results[-1].name}")
        speeds = {batch: relative_speeds(graphs, bench.feeds(batch), rounds) for batch in BATCHES}
    return [
        Row(result, {batch: speeds[batch][result.form] for batch in BATCHES}) for result in results
    ]


def table(rows: list[Row], box: Box) -> Table:
    """One line per scheme."""
    shown = Table(box=box)
    shown.add_column("scheme", no_wrap=True)
    speeds = [f"speed {batch}x{TOKENS}" for batch in BATCHES]
    for column in (*COLUMNS[1:], *speeds):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(*row.cells())
    return shown


def footnote(environment: Environment, texts: int, rounds: int) -> str:
    """Where, and on how much, the table was measured."""
    width = "overflow" if overflows() else "do not overflow"
    return (
        f"{environment.cpu}, {environment.cores} cores, {environment.system}, Python "
        f"{environment.python}, onnxruntime {environment.onnxruntime}. Products of 8 bits by 8 "
        f"{width} on this CPU. Drift and flips on {texts} texts, batch and wasm on the golden "
        f"texts; speed in times fp32, by CPU time of one thread, median of {rounds} rounds."
    )


def write(rows: list[Row], environment: Environment, note: str, folder: Path) -> None:
    """quantization.json and quantization.md."""
    content = {"environment": environment.as_json(), "schemes": [row.as_json() for row in rows]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quantization.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    page = StringIO()
    Console(file=page, width=200).print(table(rows, MARKDOWN))
    text = f"{page.getvalue().strip()}\n\n{note}\n"
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
        rows = measure(recipe, forms, texts, rounds)
    except ExportError as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    environment = Environment.current(source_digest(recipe))
    note = footnote(environment, rows[0].result.drift.n, rounds)
    console.print(table(rows, SIMPLE))
    console.print(note)
    if output is not None:
        write(rows, environment, note, output)


if __name__ == "__main__":
    typer.run(main)
