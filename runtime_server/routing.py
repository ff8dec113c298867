"""Where a request runs: a decision without I/O, from what was asked and what is possible."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from registry import Backend, Manifest
from registry.manifest import Routing
from runtime_server.engine import Availability

CALLER_CANNOT: Final = Availability(
    "caller_cannot_run_it", "the caller did not say that it can run models itself"
)
NOT_CONFIGURED: Final = Availability("not_configured", "this backend is not configured")


@dataclass(frozen=True)
class Preferences:
    """What the caller wants and can do."""

    prefer_backend: Backend | None = None
    can_run_models: bool = False

    @property
    def client_capable(self) -> bool:
        """Asking for client_side implies being able to."""
        return self.can_run_models or self.prefer_backend is Backend.CLIENT_SIDE


@dataclass(frozen=True)
class RoutingOverride:
    """The operator's routing of a model, `id` or `id@version`, in place of its manifest's."""

    reference: str
    preferred_backend: Backend | None
    fallback_backends: tuple[Backend, ...] | None

    def of(self, manifest: Manifest) -> Routing:
        """The manifest's routing with what is overridden."""
        preferred, fallbacks = self.preferred_backend, self.fallback_backends
        own = manifest.routing
        return Routing(
            preferred_backend=own.preferred_backend if preferred is None else preferred,
            fallback_backends=own.fallback_backends if fallbacks is None else fallbacks,
        )


@dataclass(frozen=True)
class Policy:
    """What the operator allows, and wants otherwise than the manifests say."""

    default_backend: Backend
    allow_client_side: bool
    allow_modal: bool
    overrides: tuple[RoutingOverride, ...] = ()

    def routing(self, manifest: Manifest) -> Routing:
        """The model's, or what the operator has put in its place; of several the last."""
        names = (manifest.model_id, manifest.reference)
        fitting = [override for override in self.overrides if override.reference in names]
        return fitting[-1].of(manifest) if fitting else manifest.routing

    def forbids(self, backend: Backend) -> bool:
        """Whether a setting rules this backend out."""
        return (backend is Backend.CLIENT_SIDE and not self.allow_client_side) or (
            backend is Backend.MODAL and not self.allow_modal
        )


@dataclass(frozen=True)
class Skip:
    """A backend that was not used, or failed, and why."""

    backend: Backend
    reason: str
    detail: str


@dataclass(frozen=True)
class Step:
    """A backend to try, and those that were passed over right before it."""

    backend: Backend
    passed_over: tuple[Skip, ...]


@dataclass(frozen=True)
class RoutePlan:
    """Backends to try in order; `never` are those passed over after the last of them."""

    steps: tuple[Step, ...]
    never: tuple[Skip, ...]

    @property
    def backends(self) -> tuple[Backend, ...]:
        """The backends to try, in order."""
        return tuple(step.backend for step in self.steps)

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """Every backend passed over, in order."""
        return tuple(skip for step in self.steps for skip in step.passed_over) + self.never

    def skip_of(self, backend: Backend) -> Skip | None:
        """Why this backend was passed over; None where it is one to try."""
        return next((skip for skip in self.skipped if skip.backend is backend), None)


def plan_route(
    preferences: Preferences,
    manifest: Manifest,
    policy: Policy,
    states: Mapping[Backend, Availability],
) -> RoutePlan:
    """Order: the caller's wish, the model's preference, its fallbacks, the operator's default."""
    steps: list[Step] = []
    passed_over: list[Skip] = []
    for backend in _order(preferences, manifest, policy):
        obstacle = _obstacle(backend, preferences, manifest, policy, states)
        if obstacle.reason is None:
            steps.append(Step(backend, tuple(passed_over)))
            passed_over = []
        else:
            passed_over.append(Skip(backend, obstacle.reason, obstacle.detail or ""))
    return RoutePlan(tuple(steps), tuple(passed_over))


def _order(preferences: Preferences, manifest: Manifest, policy: Policy) -> Iterator[Backend]:
    routing = policy.routing(manifest)
    wished = (preferences.prefer_backend,) if preferences.prefer_backend else ()
    candidates = (
        *wished,
        routing.preferred_backend,
        *routing.fallback_backends,
        policy.default_backend,
    )
    return iter(dict.fromkeys(candidates))


def _obstacle(
    backend: Backend,
    preferences: Preferences,
    manifest: Manifest,
    policy: Policy,
    states: Mapping[Backend, Availability],
) -> Availability:
    if policy.forbids(backend):
        return Availability("forbidden_by_settings", f"ALLOW_{backend.name}_INFERENCE is false")
    if backend is not Backend.CLIENT_SIDE:
        return states.get(backend, NOT_CONFIGURED)
    if not preferences.client_capable:
        return CALLER_CANNOT
    browser = manifest.runtime.browser
    if not browser.supported:
        return Availability("unsupported_in_browser", "; ".join(browser.reasons))
    return Availability()
