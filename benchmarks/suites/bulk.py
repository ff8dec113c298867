"""Scoring a corpus: a plain loop, the local engine and Ray."""

from collections.abc import Iterator
from typing import Final

from benchmarks.bulk import measure
from benchmarks.measurement import Finding, Missing
from benchmarks.suites import Context

MODELS: Final = ("lexical-tiny", "minilm-small")


def run(context: Context) -> Iterator[Finding]:
    """Each model in its share of the time."""
    for model_id in MODELS:
        artifact = context.artifact(model_id)
        if artifact is None:
            yield Missing(subject=model_id, why="it is not built; `make export` builds it")
            continue
        context.tell(f"{model_id}: files of texts, in turns")
        yield from measure(artifact, budget_s=context.budget_s / len(MODELS) - 10)
