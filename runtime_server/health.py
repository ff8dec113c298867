"""How the server is."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from registry import Backend
from runtime_server.breaker import BreakerState
from runtime_server.routing import RoutePlan


class Live(BaseModel):
    """The event loop turns."""

    live: Literal[True] = True


class Ready(BaseModel):
    """The default model answers."""

    ready: Literal[True] = True


class BackendHealth(BaseModel):
    """Whether a backend can run the default model, and if not, why."""

    model_config = ConfigDict(frozen=True)

    available: bool
    reason: str | None
    detail: str | None
    breaker: BreakerState | None = Field(description="null where the backend has none")

    @classmethod
    def of(cls, backend: Backend, plan: RoutePlan, breaker: BreakerState | None) -> Self:
        """The backend's part in a route plan that was asked for this backend."""
        skip = plan.skip_of(backend)
        if skip is None:
            return cls(available=True, reason=None, detail=None, breaker=breaker)
        return cls(available=False, reason=skip.reason, detail=skip.detail, breaker=breaker)


class Health(BaseModel):
    """The whole picture."""

    model_config = ConfigDict(frozen=True)

    live: bool
    ready: bool
    obstacle: str | None
    default_model: str
    backends: dict[Backend, BackendHealth]
