"""Carries out a route plan: tries each backend in turn until one answers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from registry import Artifact, Backend
from runtime_server.engine import Availability, Engine, Scores
from runtime_server.errors import (
    AllBackendsFailedError,
    EngineError,
    EngineOverloadedError,
    OverloadedError,
)
from runtime_server.metrics import Metrics
from runtime_server.routing import Policy, Preferences, RoutePlan, Skip, plan_route

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """A backend computed; `fallbacks` are those that did not."""

    backend: Backend
    scores: Scores
    fallbacks: tuple[Skip, ...]


@dataclass(frozen=True)
class Delegated:
    """The caller is to compute."""

    fallbacks: tuple[Skip, ...]


Answer = Scored | Delegated


@dataclass(frozen=True)
class Router:
    """The engines of this server and the operator's policy."""

    engines: Mapping[Backend, Engine]
    policy: Policy
    metrics: Metrics = field(default_factory=Metrics)

    def states(self, artifact: Artifact) -> Mapping[Backend, Availability]:
        """What each engine says about the artifact."""
        return {backend: engine.available(artifact) for backend, engine in self.engines.items()}

    def plan(self, artifact: Artifact, preferences: Preferences) -> RoutePlan:
        """Where the artifact would run for this caller."""
        return plan_route(preferences, artifact.manifest, self.policy, self.states(artifact))

    async def answer(
        self, artifact: Artifact, texts: Sequence[str], preferences: Preferences
    ) -> Answer:
        """The first answer that a backend gives. Raises AllBackendsFailedError, OverloadedError."""
        plan = self.plan(artifact, preferences)
        tried: list[Skip] = []
        overload: EngineOverloadedError | None = None
        for step in plan.steps:
            tried.extend(step.passed_over)
            if step.backend is Backend.CLIENT_SIDE:
                self._note(step.backend, tried)
                return Delegated(tuple(tried))
            try:
                scores = await self.engines[step.backend].predict(artifact, texts)
            except EngineOverloadedError as exc:
                overload = exc
                tried.append(Skip(step.backend, exc.reason, exc.detail))
            except EngineError as exc:
                # Without the cause: a runtime's own message may quote the text.
                logger.warning(
                    "%s failed on %s: %s", step.backend, artifact.manifest.reference, exc
                )
                tried.append(Skip(step.backend, exc.reason, exc.detail))
            else:
                self._note(step.backend, tried)
                return Scored(step.backend, scores, tuple(tried))
        if overload is not None:
            self.metrics.rejected(overload.reason)
            raise OverloadedError(overload.detail, retry_after_s=overload.retry_after_s)
        raise _all_failed(artifact, (*tried, *plan.never))

    def _note(self, taken: Backend, tried: Sequence[Skip]) -> None:
        for skip in tried:
            self.metrics.fell_back(skip.backend, taken, skip.reason)

    async def close(self) -> None:
        """Close every engine."""
        for engine in self.engines.values():
            await engine.close()


_SUGGESTIONS: Mapping[str, str] = {
    "digest_mismatch": "Repair the artifact (`python -m registry verify` names the file) "
    "and send the request again.",
    "artifact_missing": "Publish the artifact again (`make export`), then send the request again.",
    "tokenizers_missing": "Install the package tokenizers on the server "
    "(`pip install 'samegraph[tokens]'`) and restart it.",
    "memory_in_use": "Try again in a moment, or raise VPS_CPU_MEMORY_GB.",
    "exceeds_memory_budget": "Choose a smaller model, or raise VPS_CPU_MEMORY_GB.",
    "caller_cannot_run_it": "If the caller can run the model itself, send "
    '"client_capabilities": ["client_side"].',
    "not_configured": "Choose a smaller model, or configure another backend.",
}


def _all_failed(artifact: Artifact, attempts: Sequence[Skip]) -> AllBackendsFailedError:
    reasons = [skip.reason for skip in attempts]
    known = [text for reason, text in _SUGGESTIONS.items() if reason in reasons]
    listed = ", ".join(f"{skip.backend}: {skip.reason}" for skip in attempts)
    return AllBackendsFailedError(
        f"{artifact.manifest.reference} could not be run ({listed})",
        message=AllBackendsFailedError.title,
        attempts=[
            {"backend": skip.backend.value, "reason": skip.reason, "detail": skip.detail}
            for skip in attempts
        ],
        suggestion=known[0] if known else "Try again later, or choose another model.",
    )
