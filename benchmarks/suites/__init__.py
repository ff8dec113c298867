"""The suites: what each asks, and how long it may take. A new one is a module here and a line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmarks.measurement import Finding, Results
from registry import Artifact


@dataclass(frozen=True)
class Suite:
    """`budget_s` is how long it may take on two cores once all it needs is installed."""

    name: str
    title: str
    budget_s: float

    def run(self, context: "Context") -> Iterator[Finding]:
        """Imported here, so that a suite's own requirements are asked for by itself only."""
        module = cast(_Module, import_module(f"{__name__}.{self.name}"))
        return module.run(context)


@dataclass(frozen=True)
class Context:
    """What a suite works with.

    Every artifact of the registry, smallest first; the peers that were asked for (all, where None);
    the seconds that it may take, by which it chooses how often it measures; where it says what it
    does: `tell` shows one line; a file of labelled documents, if there is one; and what other
    suites have found in this environment.
    """

    artifacts: tuple[Artifact, ...]
    peers: tuple[str, ...] | None
    budget_s: float
    tell: Callable[[str], None]
    data: Path | None = None
    earlier: Results | None = None

    def artifact(self, model_id: str) -> Artifact | None:
        """The artifact of this model, or None where it has not been built."""
        return next((one for one in self.artifacts if one.manifest.model_id == model_id), None)


class _Module(Protocol):
    def run(self, context: Context) -> Iterator[Finding]: ...


SUITES = (
    Suite("tiers", "What each tier takes: every model in every place where it runs", 330),
    Suite("server", "The server, and other servers on the same graph", 300),
    Suite("web", "The browser library against transformers.js", 220),
    Suite("export", "The exporter against optimum-cli and Olive", 90),
    Suite("quality", "Size against quality against latency", 60),
    Suite("scale", "How time and memory grow", 110),
    Suite("bulk", "Scoring a corpus", 60),
    Suite("cost", "What a million texts cost", 10),
)
# All of them, with what starts and stops around them.
LONGEST_S = 1200.0


def suite(name: str) -> Suite:
    """Raises KeyError."""
    return {one.name: one for one in SUITES}[name]
