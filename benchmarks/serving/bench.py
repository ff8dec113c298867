"""What every question is asked with: artifacts, texts, sizes, and ways to start and to load."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.bar import Verdict
from benchmarks.live_server import Program, runtime_server
from benchmarks.serving.traffic import Answers, Stream, send
from benchmarks.serving.usage import usage
from registry import Artifact
from runtime_server.cpu_quota import usable_cores
from runtime_server.graph_session import SessionPlan

CALLERS = 32


class UnexpectedAnswerError(Exception):
    """A server did not answer as it must; nothing can be said of its speed."""


@dataclass(frozen=True)
class Bench:
    """`texts` are the mixed ones, in their normal form; `seconds` is how long a load lasts."""

    tiny: Artifact
    classifier: Artifact
    texts: tuple[str, ...]
    rounds: int
    seconds: float
    batch_items: int
    peers: tuple[str, ...]
    soak_minutes: float
    tell: Callable[[str], None]

    @property
    def bodies(self) -> tuple[str, ...]:
        """A request per text, in the form that all servers take."""
        return tuple(body_of(text) for text in self.texts)

    @property
    def plan(self) -> SessionPlan:
        """As many threads as a server takes here; peers get them too."""
        return SessionPlan(usable_cores(), allow_cuda=False)

    def server(self, artifact: Artifact, **settings: str) -> AbstractContextManager[Program]:
        """Our server, with this artifact as its default."""
        root, name = artifact.folder.parent.parent, artifact.manifest.model_id
        given = {"REGISTRY_ROOT": str(root), "DEFAULT_MODEL": name, "AVAILABLE_MODELS": name}
        return runtime_server(**given, **settings)


Question = Callable[[Bench], Iterable[Verdict]]


@dataclass(frozen=True)
class Cost:
    """Of one load: CPU time of the server per request, and how it went on the clock."""

    cpu_ms: float
    answers: Answers


def body_of(text: str) -> str:
    """The JSON of a request."""
    return json.dumps({"text": text})


def predictions(server: Program, bodies: Sequence[str], callers: int = CALLERS) -> Stream:
    """One POST /predict per body."""
    return Stream(
        name="predictions",
        url=f"{server.url}/predict",
        bodies=tuple(bodies),
        callers=callers,
        requests=len(bodies),
    )


def cost(server: Program, bodies: Sequence[str], callers: int = CALLERS) -> Cost:
    """Send the bodies. Raises UnexpectedAnswerError unless all are answered 200."""
    before = usage(server.pid).cpu_s
    answers = send(predictions(server, bodies, callers))["predictions"]
    spent = usage(server.pid).cpu_s - before
    require_all_good(answers)
    return Cost(spent / len(bodies) * 1e3, answers)


def require_all_good(answers: Answers) -> None:
    """Raises UnexpectedAnswerError."""
    statuses = {item.status for item in answers.items}
    if statuses != {200}:
        raise UnexpectedAnswerError(f"answered with {sorted(statuses)}, not with 200 alone")
