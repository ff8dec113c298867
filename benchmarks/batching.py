"""`python -m benchmarks.batching`: what batching across requests saves, in CPU time per text.

The same texts of mixed lengths go through the local engine by so many callers at a time, and
through its session one by one. Both take turns in one process; CPU time counts the whole process,
so that what the queue itself costs is in it.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.environment import Environment
from benchmarks.mixed_texts import mixed_texts
from registry import Artifact, FileStore, RegistryError
from runtime_server.batch_choice import BatchLimits
from runtime_server.cpu_quota import usable_cores
from runtime_server.graph_session import SessionPlan
from runtime_server.loaded_model import LoadedModel
from runtime_server.local_engine import LocalEngine, QueueLimits
from runtime_server.placement import MemoryBudget


@dataclass(frozen=True)
class Policy:
    """A way to serve: `limits` are None where every text runs alone."""

    name: str
    limits: BatchLimits | None


POLICIES = (
    Policy("one by one", None),
    Policy("as they come, 16 rows", BatchLimits(waste=1e9, tokens=4096, window=16)),
    Policy("by length, 256 tokens, waste 1.05", BatchLimits(tokens=256, waste=1.05)),
    Policy("by length, 256 tokens, waste 1.1", BatchLimits(tokens=256, waste=1.1)),
    Policy("by length, 256 tokens, waste 1.15", BatchLimits(tokens=256, waste=1.15)),
    Policy("by length, 512 tokens, waste 1.1", BatchLimits(tokens=512, waste=1.1)),
    Policy("by length, 512 tokens, waste 1.15", BatchLimits(tokens=512, waste=1.15)),
    Policy("by length, 512 tokens, waste 1.3", BatchLimits(tokens=512, waste=1.3)),
    Policy("by length, 1024 tokens, waste 1.1", BatchLimits(tokens=1024, waste=1.1)),
)


async def cpu_seconds(
    artifact: Artifact, policy: Policy, texts: Sequence[str], callers: int
) -> float:
    """Process CPU time of one pass over the texts, after the model is loaded and warm."""
    if policy.limits is None:
        return _one_by_one(artifact, texts)
    plan, budget = SessionPlan(usable_cores(), allow_cuda=False), MemoryBudget(None, None)
    engine = LocalEngine(plan, budget, limits=QueueLimits(policy.limits, most_tokens=10**9))
    await engine.predict(artifact, texts[:1])
    waiting = iter(texts)

    async def caller() -> None:
        for text in waiting:
            await engine.predict(artifact, (text,))

    began = time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    spent = time.process_time() - began
    await engine.close()
    return spent


def _one_by_one(artifact: Artifact, texts: Sequence[str]) -> float:
    model = LoadedModel.load(artifact, SessionPlan(usable_cores(), allow_cuda=False))
    model.run(model.input.rows(texts[:1]).rows)
    began = time.process_time()
    for text in texts:
        for row in model.input.rows((text,)).rows:
            model.run([row])
    return time.process_time() - began


def main(
    model: Annotated[str, typer.Option(help="Model id.")] = "minilm-small",
    texts: Annotated[int, typer.Option(min=50, help="Texts in a pass.")] = 300,
    callers: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Passes of each policy, in turns.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """CPU time per text of several ways to batch, against none at all."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        artifact = FileStore().resolve(model)
    except RegistryError as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    sent = mixed_texts(texts)
    spent: dict[str, list[float]] = {policy.name: [] for policy in POLICIES}
    with Console(stderr=True).status("measuring"):
        for _ in range(rounds):
            for policy in POLICIES:
                seconds = asyncio.run(cpu_seconds(artifact, policy, sent, callers))
                spent[policy.name].append(seconds / len(sent) * 1e3)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    environment = Environment.current((artifact,))
    if as_json:
        found = {"environment": environment.as_json(), "cpu_ms_per_text": spent}
        return console.print_json(json.dumps(found))
    alone = medians[POLICIES[0].name]
    table = Table(box=SIMPLE)
    for column in ("policy", "CPU-ms per text", "min", "max", "of one by one"):
        table.add_column(column, justify="left" if column == "policy" else "right")
    for name, median in medians.items():
        low, high = f"{min(spent[name]):.2f}", f"{max(spent[name]):.2f}"
        table.add_row(name, f"{median:.2f}", low, high, f"{median / alone:.2f}")
    console.print(f"{artifact.manifest.reference}, {texts} texts, {callers} at a time")
    console.print(table)
    console.print(f"{environment.line}, load {os.getloadavg()[0]:.1f}")
    return None


if __name__ == "__main__":
    typer.run(main)
