"""The one thing a backend must do: probabilities for texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from registry import Artifact
from registry.token_log_probabilities import TokenLogProbabilities


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can run an artifact; if not, `reason` is a code and `detail` a sentence.

    `warm` is whether it could begin at once, and `start_s` how many seconds it needs before that;
    None where a backend has nothing to start.
    """

    reason: str | None = None
    detail: str | None = None
    warm: bool | None = None
    start_s: float | None = None

    @property
    def ok(self) -> bool:
        """True where nothing stands in the way."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Score:
    """One text's probability of label 1, and how the text was read.

    `tokens` counts the text's own, and is None where the graph reads text itself.
    `token_log_probabilities` are there where they were asked for and the graph gives them.
    `cached` says whether it was computed for an earlier request.
    """

    probability: float
    tokens: int | None
    windows: int
    truncated: bool
    token_log_probabilities: TokenLogProbabilities | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class EngineTimings:
    """Milliseconds. `load_ms` is 0 where the session was there already.

    `normalize_ms` is all that precedes the graph, tokenisation included; `queue_ms` lasts until the
    last row of the request begins to run, and `run_ms` from then on.
    """

    load_ms: float
    normalize_ms: float
    queue_ms: float
    run_ms: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores in the order of the texts, and what computed them.

    `batch_rows` is the size of the largest batch that one of the texts ran in, if that is known,
    and `cost_usd` what somebody else's machine costs for all of them.
    """

    items: tuple[Score, ...]
    provider: str
    timings: EngineTimings
    batch_rows: int = 0
    cost_usd: float | None = None

    def cost_usd_of(self, score: Score) -> float | None:
        """An equal share of those that were computed; a cached one costs nothing."""
        if self.cost_usd is None or score.cached:
            return None if self.cost_usd is None else 0.0
        return self.cost_usd / sum(not other.cached for other in self.items)

    @property
    def tokens(self) -> int | None:
        """Of all texts; None where the graph reads text itself."""
        known = [score.tokens for score in self.items if score.tokens is not None]
        return sum(known) if known else None


class ModelMemory(Protocol):
    """What an operator may do with the models of a backend that keeps them in memory."""

    async def load(self, artifact: Artifact) -> None:
        """Have the model in memory. Raises EngineError."""
        ...

    async def unload(self, artifact: Artifact) -> None:
        """Let go of the model, once those who use it are done."""
        ...

    def loaded(self, artifact: Artifact) -> bool:
        """Whether the model is in memory."""
        ...


class Engine(Protocol):
    """A backend that computes."""

    def available(self, artifact: Artifact) -> Availability:
        """Whether `predict` may be tried. Decides from what is known: no I/O."""
        ...

    async def predict(
        self, artifact: Artifact, texts: Sequence[str], *, token_level: bool = False
    ) -> Scores:
        """Scores in the order of `texts`. Raises EngineError.

        `token_level` asks for the log-probabilities of tokens, of models that know them.
        """
        ...

    async def close(self) -> None:
        """Free memory and threads."""
        ...
