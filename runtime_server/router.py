"""Carries out a route plan: tries each backend in turn until one answers.

It is the only owner of retries: an engine fails at once, and the next backend is the retry.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry import Artifact, Backend
from runtime_server.answer import Answer, Delegated, Scored
from runtime_server.attempt import attempt
from runtime_server.breakers import Breakers
from runtime_server.engine import Availability, Engine, Scores
from runtime_server.errors import (
    AllBackendsFailedError,
    EngineError,
    EngineOverloadedError,
    OverloadedError,
)
from runtime_server.expiry import NEVER, Expiry
from runtime_server.metrics import Metrics
from runtime_server.observed_latency import ObservedLatency
from runtime_server.request_notes import note_answer, note_items
from runtime_server.routing import Policy, Preferences, RoutePlan, Skip, plan_route
from runtime_server.spans import record_spans

logger = logging.getLogger(__name__)

ATTEMPT_S: Final = 30.0


@dataclass(frozen=True)
class Router:
    """The engines of this server and the operator's policy.

    `attempt_s` is how long a backend may take while another one could be tried after it, in
    seconds; the last one has until the request expires.
    """

    engines: Mapping[Backend, Engine]
    policy: Policy
    metrics: Metrics = field(default_factory=Metrics)
    breakers: Breakers = field(default_factory=Breakers)
    latency: ObservedLatency = field(default_factory=ObservedLatency)
    attempt_s: float = ATTEMPT_S

    def states(self, artifact: Artifact) -> Mapping[Backend, Availability]:
        """What each engine says about the artifact, and the breaker where it says nothing."""
        return {backend: self._state(backend, artifact) for backend in self.engines}

    def plan(self, artifact: Artifact, preferences: Preferences) -> RoutePlan:
        """Where the artifact would run for this caller."""
        return plan_route(preferences, artifact.manifest, self.policy, self.states(artifact))

    async def answer(
        self,
        artifact: Artifact,
        texts: Sequence[str],
        preferences: Preferences,
        expiry: Expiry = NEVER,
        *,
        token_level: bool = False,
    ) -> Answer:
        """The first answer that a backend gives; `token_level` as for `Engine.predict`.

        Raises AllBackendsFailedError, OverloadedError.
        """
        note_items(len(texts))
        plan = self.plan(artifact, preferences)
        tried: list[Skip] = []
        overload: EngineOverloadedError | None = None
        for step in plan.steps:
            tried.extend(step.passed_over)
            if step.backend is Backend.CLIENT_SIDE:
                self._note(step.backend, tried)
                note_answer(step.backend, tokens=None)
                return Delegated(tuple(tried))
            within_s = None if step is plan.steps[-1] else self.attempt_s
            try:
                scores = await self._attempt(
                    step.backend, artifact, texts, expiry, within_s, token_level
                )
            except EngineError as exc:
                overload = exc if isinstance(exc, EngineOverloadedError) else overload
                tried.append(Skip(step.backend, exc.reason, exc.detail))
            else:
                self._note(step.backend, tried)
                note_answer(step.backend, scores.tokens)
                record_spans(step.backend, artifact, scores)
                return Scored(step.backend, scores, tuple(tried))
        if overload is not None:
            self.metrics.rejected(overload.reason)
            raise OverloadedError(overload.detail, retry_after_s=overload.retry_after_s)
        raise self._all_failed(artifact, (*tried, *plan.never))

    async def close(self) -> None:
        """Close every engine."""
        for engine in self.engines.values():
            await engine.close()

    async def _attempt(
        self,
        backend: Backend,
        artifact: Artifact,
        texts: Sequence[str],
        expiry: Expiry,
        within_s: float | None,
        token_level: bool,
    ) -> Scores:
        breaker = self.breakers.of(backend, artifact.manifest)
        blocked = breaker.availability  # it may have opened since the plan was made
        if blocked.reason is not None:
            raise EngineError(blocked.reason, blocked.detail or "", counts=False)
        with breaker.call() as call, self.latency.of(backend, artifact.manifest, len(texts)):
            try:
                with attempt(expiry.at, within_s):
                    async with asyncio.timeout(within_s):
                        return await self.engines[backend].predict(
                            artifact, texts, token_level=token_level
                        )
            except TimeoutError:
                raise EngineError("attempt_timed_out", f"no answer within {within_s} s") from None
            except EngineError as exc:
                # Without the cause: a runtime's own message may quote the text.
                if exc.logged:
                    logger.warning("%s failed on %s: %s", backend, artifact.manifest.reference, exc)
                raise
            except asyncio.CancelledError:
                if expiry.blames_backend:
                    call.blame()
                raise

    def _state(self, backend: Backend, artifact: Artifact) -> Availability:
        state = self.engines[backend].available(artifact)
        blocked = self.breakers.of(backend, artifact.manifest).availability
        return state if blocked.ok or not state.ok else blocked

    def _note(self, taken: Backend, tried: Sequence[Skip]) -> None:
        for skip in tried:
            self.metrics.fell_back(skip.backend, taken, skip.reason)

    def _all_failed(self, artifact: Artifact, attempts: Sequence[Skip]) -> AllBackendsFailedError:
        reasons = [skip.reason for skip in attempts]
        known = [text for reason, text in _SUGGESTIONS.items() if reason in reasons]
        listed = ", ".join(f"{skip.backend}: {skip.reason}" for skip in attempts)
        return AllBackendsFailedError(
            f"{artifact.manifest.reference} could not be run ({listed})",
            retry_after_s=self.breakers.retry_after_s(artifact.manifest),
            message=AllBackendsFailedError.title,
            attempts=[
                {"backend": skip.backend.value, "reason": skip.reason, "detail": skip.detail}
                for skip in attempts
            ],
            suggestion=known[0] if known else "Try again later, or choose another model.",
        )


_SUGGESTIONS: Mapping[str, str] = {
    "digest_mismatch": "Repair the artifact (`python -m registry verify` names the file) "
    "and send the request again.",
    "artifact_missing": "Publish the artifact again (`make export`), then send the request again.",
    "tokenizers_missing": "Install the package tokenizers on the server "
    "(`pip install 'samegraph[tokens]'`) and restart it.",
    "budget_exhausted": "Choose a smaller model, or raise MODAL_DAILY_BUDGET_USD.",
    "cold_start": "Try again in a moment, when a container is up, or allow more time.",
    "not_deployed": "Deploy to Modal (`python -m runtime_server modal deploy`).",
    "not_signed": "Sign the artifact (`python -m export sign`) and publish it to Modal again.",
    "not_published": "Publish the model to Modal (`python -m runtime_server modal publish`).",
    "unauthorized": "Give the server a Modal token that is valid (docs/modal.md).",
    "memory_in_use": "Try again in a moment, or raise VPS_CPU_MEMORY_GB.",
    "exceeds_memory_budget": "Choose a smaller model, raise VPS_CPU_MEMORY_GB, or lower WORKERS.",
    "caller_cannot_run_it": "If the caller can run the model itself, send "
    '"client_capabilities": ["client_side"].',
    "breaker_open": "Try again after the seconds that Retry-After names.",
    "attempt_timed_out": "Try again later, or choose a smaller model.",
    "not_configured": "Choose a smaller model, or configure another backend.",
}
