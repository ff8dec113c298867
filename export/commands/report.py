"""`python -m export report`."""

from typing import Annotated

import typer

from export.commands.options import Root, console, errors, short
from export.report.latency import measure_latency, read_latency
from export.report.page import write_report
from registry import FileStore
from registry.store import DEFAULT_ROOT

MeasureLatency = Annotated[
    bool,
    typer.Option(
        "--latency", help="First time each artifact that was not timed yet: seconds to minutes."
    ),
]


def report(latency: MeasureLatency = False, root: Root = DEFAULT_ROOT) -> None:
    """Write report.html and report.json: what was measured of every artifact in the store."""
    store = FileStore(root)
    if latency:
        for artifact in store.artifacts():
            if read_latency(root, artifact.manifest) is None:
                errors.print(f"timing {artifact.manifest.reference}", soft_wrap=True)
                measure_latency(root, artifact)
    console.print(short(write_report(store)), soft_wrap=True)
