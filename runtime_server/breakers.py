"""The circuit breakers of this server: one for each backend and model."""

from collections.abc import Callable
from functools import partial

from registry import Backend, Manifest
from runtime_server.breaker import DEFAULT_LIMITS, BreakerLimits, BreakerState, CircuitBreaker

Told = Callable[[str, str, BreakerState], None]


class Breakers:
    """Made when first asked for. A model is its digest: a new version begins without a record."""

    def __init__(
        self, limits: BreakerLimits = DEFAULT_LIMITS, told: Told = lambda *_: None
    ) -> None:
        """`told` hears backend, model reference and state, at each change."""
        self._limits = limits
        self._told = told
        self._breakers: dict[tuple[Backend, str], CircuitBreaker] = {}

    def of(self, backend: Backend, manifest: Manifest) -> CircuitBreaker:
        """The breaker of this backend for this model."""
        key = (backend, manifest.digest)
        if key not in self._breakers:
            told = partial(self._told, backend.value, manifest.reference)
            self._breakers[key] = CircuitBreaker(self._limits, told)
        return self._breakers[key]

    def retry_after_s(self, manifest: Manifest) -> float | None:
        """Seconds until the first open breaker lets a call through; None where none is open."""
        digest = manifest.digest
        rests = [
            breaker.retry_after_s for key, breaker in self._breakers.items() if key[1] == digest
        ]
        return min((rest for rest in rests if rest > 0), default=None)
