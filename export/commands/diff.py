"""`python -m export diff`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from export.commands.options import AsJson, Root, console
from registry import FileStore
from registry.store import DEFAULT_ROOT

if TYPE_CHECKING:
    from export.published.comparison import Comparison, Pair

SHOWN_OF_TEXT = 70

First = Annotated[str, typer.Argument(metavar="A", help="model, model+variant, or model@version.")]
Second = Annotated[str, typer.Argument(metavar="B", help="What to compare it with.")]


def diff(first: First, second: Second, root: Root = DEFAULT_ROOT, as_json: AsJson = False) -> None:
    """Compare two artifacts: manifests, operators, and answers to texts nobody trained on."""
    # Imported here: --help must not wait for onnxruntime and scikit-learn.
    from export.published.comparison import compare_artifacts

    store = FileStore(root)
    a, b = store.resolve(first), store.resolve(second)
    with console.status(f"comparing {a.manifest.reference} with {b.manifest.reference}"):
        comparison = compare_artifacts(a, b)
    if as_json:
        return console.print_json(data=comparison.model_dump(mode="json"))
    return _print(comparison)


def _print(comparison: "Comparison") -> None:
    a, b = comparison.a, comparison.b
    parameters = ("parameters", *(f"{count:,}" for count in comparison.parameters))
    console.print(_table("manifest", a, b, _rows(comparison.manifest)))
    operators = [*_rows(comparison.operators), parameters]
    console.print(_table("graph", a, b, operators))
    answers = [
        (text.text[:SHOWN_OF_TEXT], f"{text.a:.4f}", f"{text.b:.4f}")
        for text in comparison.most_different
    ]
    console.print(_table("furthest apart", a, b, answers))
    drift = comparison.drift
    console.print(
        f"|difference of probability| over {drift.n} texts: p50 {drift.p50:.1e}, "
        f"p99 {drift.p99:.1e}, max {drift.max:.1e}; {drift.flips:.1%} of the labels differ"
    )


def _table(name: str, a: str, b: str, rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for header in (name, a, b):
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _rows(pairs: "tuple[Pair, ...]") -> list[tuple[str, ...]]:
    return [(pair.name, _text(pair.a), _text(pair.b)) for pair in pairs]


def _text(value: JsonValue) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
