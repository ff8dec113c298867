"""`python -m benchmarks.serving`: the inference server against others and its own promises."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.bar import Bar, Verdict
from benchmarks.environment import Environment
from benchmarks.fp32_artifact import fp32_artifact
from benchmarks.mixed_texts import mixed_texts
from benchmarks.serving.bench import Bench, Question, UnexpectedAnswerError
from benchmarks.serving.fairness import fairness
from benchmarks.serving.idle import idle
from benchmarks.serving.large_batch import large_batch
from benchmarks.serving.liveness import liveness
from benchmarks.serving.overhead import overhead
from benchmarks.serving.overload import overload
from benchmarks.serving.reloads import reloads
from benchmarks.serving.report import as_json, table
from benchmarks.serving.soak import soak
from benchmarks.serving.start_up import start_up
from benchmarks.serving.throughput import PEER_BARS, throughput
from export.errors import ExportError
from registry import FileStore, RegistryError, norm1

QUESTIONS: Mapping[str, Question] = {
    "throughput": throughput,
    "overhead": overhead,
    "idle": idle,
    "fairness": fairness,
    "overload": overload,
    "liveness": liveness,
    "large-batch": large_batch,
    "start-up": start_up,
    "reloads": reloads,
    "soak": soak,
}
progress = Console(stderr=True, highlight=False)


def _listed(given: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name for name in given.split(",") if name)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    return names


def _answers(bench: Bench, questions: tuple[str, ...]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for name in questions:
        for verdict in _verdicts(name, bench):
            progress.print(f"{verdict.bar.name}: {verdict.state}")
            verdicts.append(verdict)
    return verdicts


def _verdicts(name: str, bench: Bench) -> Iterator[Verdict]:
    try:
        yield from QUESTIONS[name](bench)
    except UnexpectedAnswerError as exc:
        # The other questions are still worth asking.
        yield Bar(name, "every answer must be the right one", 0).missing(str(exc))


def main(
    ask: Annotated[str, typer.Option(help="Only these questions.")] = ",".join(QUESTIONS),
    peers: Annotated[str, typer.Option(help="Compare with these servers.")] = ",".join(PEER_BARS),
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each server.")] = 5,
    texts: Annotated[int, typer.Option(min=60, help="Texts in a turn.")] = 400,
    seconds: Annotated[float, typer.Option(min=1, help="Length of a timed load.")] = 10,
    batch_items: Annotated[int, typer.Option(min=1, help="Texts of the large batch.")] = 10_000,
    soak_minutes: Annotated[float, typer.Option("--soak", min=0, help="Minutes of soak.")] = 0,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Measure every bar; each says if it is met. CPU time decides wherever work is compared."""
    questions, others = _listed(ask, tuple(QUESTIONS)), _listed(peers, tuple(PEER_BARS))
    try:
        bench = Bench(
            tiny=FileStore().resolve("lexical-tiny"),
            classifier=fp32_artifact(progress.print),
            texts=tuple(map(norm1, mixed_texts(texts))),
            rounds=rounds,
            seconds=seconds,
            batch_items=batch_items,
            peers=others,
            soak_minutes=soak_minutes,
            tell=progress.print,
        )
    except (RegistryError, ExportError) as exc:
        progress.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    verdicts = _answers(bench, questions)
    environment = Environment.current((bench.tiny, bench.classifier))
    console, load = Console(width=None if sys.stdout.isatty() else 200), os.getloadavg()[0]
    if as_json_:
        return console.print_json(data=as_json(verdicts, environment, load, rounds))
    console.print(table(verdicts))
    console.print(f"{environment.line}, load {load:.1f}, {rounds} rounds")
    return None


if __name__ == "__main__":
    typer.run(main)
