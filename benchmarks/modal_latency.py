"""`python -m benchmarks.modal_latency`: what the way through Modal adds, without the internet.

The real client calls the real container entry point through a server on this machine that speaks
Modal's protocol, so this is the cost of the path and says nothing of Modal's own network.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks.bar import Bar, Verdict
from benchmarks.environment import Environment
from benchmarks.serving.report import as_json, table
from export.drift_texts import drift_texts
from registry import Artifact, Backend, FileStore, RegistryError
from runtime_server.breaker import BreakerState
from runtime_server.engine import Engine
from runtime_server.errors import EngineError
from runtime_server.local_engine import LocalEngine
from runtime_server.metrics import Metrics
from runtime_server.modal_credentials import require_credentials
from runtime_server.modal_engine import ModalEngine
from runtime_server.router import Router
from runtime_server.routing import Policy, Preferences
from runtime_server.settings import Settings, load_settings

WORDS: Final = (150, 150)
FAILURES: Final = 5
DECISIONS: Final = 2000
ADDED: Final = Bar("M1", "added by Modal's path, warm, on loopback (p50)", 15.0, "ms")
DECISION: Final = Bar("M2", "the decision to pass over Modal, its breaker open (p99)", 1.0, "ms")
PREFER_MODAL: Final = Preferences(Backend.MODAL)


@contextmanager
def loopback_modal() -> Iterator[Mapping[str, str]]:
    """A Modal in a process of its own; yields the environment that makes it this process's."""
    command = [sys.executable, "-m", "tests.modal_loopback"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate()


def deploy(environment: Mapping[str, str], artifact: Artifact) -> None:
    """As an operator does it. Raises CalledProcessError."""
    for arguments in (("deploy",), ("publish", artifact.manifest.reference)):
        command = [sys.executable, "-m", "runtime_server", "modal", *arguments]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)


@dataclass(frozen=True)
class Paths:
    """The same texts through the same artifact, here and through Modal."""

    artifact: Artifact
    local: LocalEngine
    modal: ModalEngine

    async def added_ms(self, texts: Sequence[str]) -> float:
        """The median of one path less the median of the other; they take turns."""
        here, there = [], []
        for text in texts:
            here.append(await _milliseconds(self._asked(self.local, text)))
            there.append(await _milliseconds(self._asked(self.modal, text)))
        return statistics.median(there) - statistics.median(here)

    async def decision_ms(self, count: int) -> float:
        """The 99th percentile of a route plan that passes over Modal, whose breaker is open."""
        policy = Policy(Backend.LOCAL, allow_client_side=False, allow_modal=True)
        router = Router({Backend.LOCAL: self.local, Backend.MODAL: self.modal}, policy)
        self._open(router)
        found = []
        for _ in range(count):
            began = perf_counter()
            plan = router.plan(self.artifact, PREFER_MODAL)
            found.append((perf_counter() - began) * 1e3)
            if plan.backends != (Backend.LOCAL,):
                raise RuntimeError(f"the plan is {plan.backends}")
            await asyncio.sleep(0)
        return statistics.quantiles(found, n=100)[98]

    def _open(self, router: Router) -> None:
        breaker = router.breakers.of(Backend.MODAL, self.artifact.manifest)
        for _ in range(FAILURES):
            try:
                with breaker.call():
                    raise EngineError("unreachable", "as if it were")
            except EngineError:
                pass
        if breaker.state is not BreakerState.OPEN:
            raise RuntimeError("the breaker did not open")

    def _asked(self, engine: Engine, text: str) -> Callable[[], Awaitable[object]]:
        return lambda: engine.predict(self.artifact, (text,))


async def _milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    began = perf_counter()
    await work()
    return (perf_counter() - began) * 1e3


async def measured(artifact: Artifact, settings: Settings, rounds: int, n: int) -> list[Verdict]:
    """A figure per bar and round."""
    credentials = require_credentials(settings)
    local, metrics = LocalEngine.of(settings), Metrics()
    paths = Paths(artifact, local, ModalEngine.of(settings, credentials, metrics))
    texts = list(drift_texts(count=n, words=WORDS))
    try:
        # A container is up, and the model is in memory here.
        await paths.added_ms(texts[:3])
        added = [await paths.added_ms(texts) for _ in range(rounds)]
        decided = [await paths.decision_ms(DECISIONS) for _ in range(rounds)]
    finally:
        await paths.modal.close()
        await local.close()
    told = f"{rounds} rounds of {n} texts of {WORDS[0]} words"
    decisions = f"{rounds} rounds of {DECISIONS} decisions"
    return [ADDED.judge(added, told), DECISION.judge(decided, decisions)]


def main(
    model: Annotated[str, typer.Option(help="Model id.")] = "minilm-small",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds.")] = 5,
    texts: Annotated[int, typer.Option(min=20, help="Texts per round.")] = 60,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Time the way through Modal against the local backend, and the fallback from it."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        artifact = FileStore().resolve(model)
    except RegistryError as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    with loopback_modal() as environment:
        deploy(environment, artifact)
        os.environ.update(environment)
        settings = load_settings(modal_cache_entries=0)
        verdicts = asyncio.run(measured(artifact, settings, rounds, texts))
    load = round(os.getloadavg()[0], 1)
    here = Environment.current((artifact,))
    if json_out:
        console.print_json(data=as_json(verdicts, here, load, rounds))
        return
    console.print(table(verdicts))
    console.print(f"{artifact.manifest.reference}; {here.line}, load {load}")


if __name__ == "__main__":
    typer.run(main)
