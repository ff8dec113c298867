"""A hundred loads of a model that is given up each time: what stays behind."""

import asyncio
import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from benchmarks.bar import Bar, Verdict
from benchmarks.serving.bench import Bench
from benchmarks.serving.usage import usage
from registry import Artifact
from runtime_server.graph_session import SessionPlan
from runtime_server.local_engine import LocalEngine
from runtime_server.placement import MemoryBudget

BAR = Bar("B10 reloads", "loads and unloads × 100: drift of resident memory", 10, "%")
TURNS = 100
# What is allocated once, and what onnxruntime keeps, is there after so many.
SETTLED = 10


def reloads(bench: Bench) -> Iterable[Verdict]:
    """The part of B10 that takes a minute: in a new process, by the engine itself."""
    bench.tell(f"{TURNS} loads and unloads")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        resident = process.submit(resident_by_turn, bench.classifier, bench.tiny, bench.plan)
        before, after = resident.result()
    told = f"{before / 1e6:.0f} MB after {SETTLED} turns, {after / 1e6:.0f} MB after {TURNS}"
    yield BAR.judge([(after / before - 1) * 100], told)


def resident_by_turn(large: Artifact, small: Artifact, plan: SessionPlan) -> tuple[int, int]:
    """Bytes after SETTLED turns and after all, with the small one loaded.

    The budget holds either artifact, not both: each prediction gives the other one up.
    """
    return asyncio.run(_turns(large, small, plan))


async def _turns(large: Artifact, small: Artifact, plan: SessionPlan) -> tuple[int, int]:
    most = float(large.manifest.runtime.memory_bytes)
    engine = LocalEngine(plan, MemoryBudget(cpu_bytes=most, gpu_bytes=None))
    settled = 0
    for turn in range(1, TURNS + 1):
        for artifact in (large, small):
            await engine.predict(artifact, ("a text",))
        if turn == SETTLED:
            settled = usage(os.getpid()).resident
    found = settled, usage(os.getpid()).resident
    await engine.close()
    return found
