"""Which backends there are, and which models each of them could run now."""

from pydantic import BaseModel, ConfigDict, Field

from registry import Backend
from runtime_server.breaker import BreakerState
from runtime_server.expected_latency import ExpectedLatency


class ModelOnBackend(BaseModel):
    """Whether a backend could run a model for a caller that asks for it, and if not, why."""

    model_config = ConfigDict(frozen=True)

    model: str
    preferred: bool
    available: bool
    reason: str | None
    detail: str | None
    breaker: BreakerState | None = Field(description="null for client_side, which has none")
    warm: bool | None = Field(
        description="whether Modal is thought to have a container up; null for other backends"
    )
    expected_start_s: float | None = Field(
        description="seconds until it has; null for other backends"
    )
    expected_latency: ExpectedLatency | None = Field(
        description="of one text; null where nobody has measured it"
    )
    usd_per_1000_requests: float | None = Field(
        description="one request at a time, at the price in the settings; null where unknown"
    )


class BackendState(BaseModel):
    """`enabled` by the settings, `configured` to work at all, `available` for some model."""

    model_config = ConfigDict(frozen=True)

    backend: Backend
    enabled: bool
    configured: bool
    available: bool
    reason: str | None
    breaker: BreakerState | None = Field(description="the worst of its models'")
    models: tuple[ModelOnBackend, ...]


class BackendList(BaseModel):
    """Every backend, in no order: a model's manifest says which comes first."""

    model_config = ConfigDict(frozen=True)

    backends: tuple[BackendState, ...]
