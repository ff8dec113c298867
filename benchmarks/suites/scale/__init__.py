"""How time and memory grow: with the text, the batch, the models and the workers."""

from collections.abc import Iterator
from typing import Final

from benchmarks.measurement import Finding, Missing
from benchmarks.suites import Context
from benchmarks.suites.scale.models import models
from benchmarks.suites.scale.sizes import Axis, along
from benchmarks.suites.scale.workers import workers
from benchmarks.suites.tiers.allowance import Allowance
from benchmarks.suites.tiers.texts import sized_texts
from export.drift_texts import drift_texts

# Text in, and tokens in windows; the larger ones take the time that there is for one length.
MODELS: Final = ("lexical-tiny", "minilm-small")
WORDS: Final = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
BATCHES: Final = (1, 4, 16, 64, 256, 512)
COPIES: Final = {"lexical-tiny": 16, "minilm-small": 4}
# Of the time that is left then, so that together they take all.
SHARES: Final = {"words": 0.55, "texts": 0.4, "models": 0.3, "workers": 1.0}


def run(context: Context) -> Iterator[Finding]:
    """Each question for each model that is built."""
    allowance = Allowance(context.budget_s)
    built = [one for name in MODELS if (one := context.artifact(name)) is not None]
    for name in MODELS:
        if context.artifact(name) is None:
            yield Missing(subject=name, why="it is not built: make export")
    text = sized_texts(context.artifacts)[0].text
    for axis in (_lengths(), _batches(text)):
        context.tell(f"more and more {axis.name}")
        part = allowance.part(SHARES[axis.name])
        for number, artifact in enumerate(built):
            yield from along(axis, artifact, part.part(_share(number, len(built))))
    context.tell("more and more models")
    part = allowance.part(SHARES["models"])
    for artifact in built:
        yield from models(artifact, COPIES[artifact.manifest.model_id], part)
    context.tell("more and more workers")
    for number, artifact in enumerate(built):
        yield from workers(artifact, text, allowance.part(1 / (len(built) - number)))


def _share(number: int, count: int) -> float:
    """The first one is the fast one; it leaves what it does not need."""
    return 1.0 if number == count - 1 else 0.3


def _lengths() -> Axis:
    words = " ".join(drift_texts(count=100, words=(1000, 1000))).split()
    return Axis(
        name="words",
        of="a text",
        path="/predict",
        sizes=WORDS,
        linear_from=1000,
        bar="S1",
        body=lambda size: {"text": " ".join(words[:size]), "prefer_backend": "local"},
        told="over HTTP; MAX_TEXT_LENGTH and MAX_QUEUED_TOKENS raised to take them",
    )


def _batches(text: str) -> Axis:
    return Axis(
        name="texts",
        of="a batch",
        path="/batch-predict",
        sizes=BATCHES,
        linear_from=16,
        bar="S2",
        body=lambda size: {"texts": [text] * size, "prefer_backend": "local"},
        told="texts of 64 tokens over HTTP, one request",
    )
