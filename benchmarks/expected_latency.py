"""`python -m benchmarks.expected_latency`: how long one text takes on this server, per model.

The figures that `GET /backends` tells until a server has observed its own.
"""

import asyncio
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.environment import Environment
from export.drift_texts import drift_texts
from registry import Artifact, Backend, FileStore
from registry.whole_file import write_whole
from runtime_server.expected_latency import LatencyRecord, RecordedLatency
from runtime_server.local_engine import LocalEngine
from runtime_server.settings import LATENCY_RECORD, load_settings

WORDS = (150, 150)


async def measured(engine: LocalEngine, artifact: Artifact, texts: Sequence[str]) -> list[float]:
    """Milliseconds of each text, one at a time, once the model is loaded and warm."""
    await engine.predict(artifact, texts[:1])
    found = []
    for text in texts:
        began = perf_counter()
        await engine.predict(artifact, (text,))
        found.append((perf_counter() - began) * 1e3)
    return found


def of_model(artifact: Artifact, milliseconds: Sequence[float]) -> RecordedLatency:
    """Median and 95th percentile."""
    return RecordedLatency(
        model=artifact.manifest.reference,
        backend=Backend.LOCAL,
        p50_ms=round(statistics.median(milliseconds), 3),
        p95_ms=round(statistics.quantiles(milliseconds, n=20)[18], 3),
        n=len(milliseconds),
    )


async def record(artifacts: Sequence[Artifact], count: int) -> LatencyRecord:
    """Every model in turn, on the local backend with the settings of this environment."""
    texts = list(drift_texts(count=count, words=WORDS))
    found = []
    for artifact in track(artifacts, "measuring", console=Console(stderr=True)):
        engine = LocalEngine.of(load_settings())
        try:
            found.append(of_model(artifact, await measured(engine, artifact, texts)))
        finally:
            await engine.close()
    here = Environment.current()
    environment: dict[str, str | int | float] = {
        "cpu": here.cpu,
        "cores": here.cores,
        "system": here.system,
        **here.versions,
        "load": round(os.getloadavg()[0], 1),
    }
    return LatencyRecord(environment=environment, measured=tuple(found))


def write(record: LatencyRecord, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (record.model_dump_json(indent=2) + "\n").encode())


def main(
    texts: Annotated[int, typer.Option(min=20, help="Texts of 150 words per model.")] = 40,
    out: Annotated[Path, typer.Option(help="File to write.")] = LATENCY_RECORD,
) -> None:
    """Time single texts on every model of the registry; write what GET /backends tells."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    artifacts = FileStore().artifacts()
    if not artifacts:
        console.print("[red]error[/] the registry holds no artifacts; `make export` builds them")
        raise typer.Exit(1)
    found = asyncio.run(record(artifacts, texts))
    write(found, out)
    table = Table("model", "p50 ms", "p95 ms", "n", box=SIMPLE)
    for one in found.measured:
        table.add_row(one.model, f"{one.p50_ms:.2f}", f"{one.p95_ms:.2f}", str(one.n))
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in found.environment.items()))
    console.print(f"written to {out}")


if __name__ == "__main__":
    typer.run(main)
