"""How long one text takes on a backend: as observed lately, else as a benchmark recorded it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry import Backend, Manifest
from runtime_server.errors import StartError
from runtime_server.observed_latency import ObservedLatency

_SECONDS_PER_HOUR: Final = 3600.0
_MS_PER_S: Final = 1000.0


class ExpectedLatency(BaseModel):
    """Milliseconds of one text, over `n` answers."""

    model_config = ConfigDict(frozen=True)

    p50_ms: float
    p95_ms: float
    n: int
    source: Literal["observed", "recorded"]


class RecordedLatency(BaseModel):
    """A measurement of `python -m benchmarks.expected_latency`."""

    model_config = ConfigDict(frozen=True)

    model: str
    backend: Backend
    p50_ms: float = Field(gt=0)
    p95_ms: float = Field(gt=0)
    n: int = Field(gt=0)


class LatencyRecord(BaseModel):
    """What that command writes: measurements, and where they were made."""

    model_config = ConfigDict(frozen=True)

    environment: Mapping[str, str | int | float] = Field(default_factory=dict)
    measured: tuple[RecordedLatency, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record; an empty one where there is no file. Raises StartError: it is malformed."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as exc:
            told = str(exc).splitlines()[0]
            raise StartError(f"LATENCY_RECORD {path} cannot be read: {told}") from None


@dataclass(frozen=True)
class Expectations:
    """Latency and cost of one text at a time. Prices are US dollars per hour of a backend."""

    observed: ObservedLatency
    record: LatencyRecord = field(default_factory=LatencyRecord)
    usd_per_hour: Mapping[Backend, float | None] = field(default_factory=dict)

    def latency(self, backend: Backend, manifest: Manifest) -> ExpectedLatency | None:
        """None where nobody has measured it."""
        lately = self.observed.lately(backend, manifest)
        if lately is not None:
            return ExpectedLatency(
                p50_ms=lately.p50_ms, p95_ms=lately.p95_ms, n=lately.n, source="observed"
            )
        for one in self.record.measured:
            if (one.model, one.backend) == (manifest.reference, backend):
                return ExpectedLatency(
                    p50_ms=one.p50_ms, p95_ms=one.p95_ms, n=one.n, source="recorded"
                )
        return None

    def usd_per_1000_requests(self, backend: Backend, manifest: Manifest) -> float | None:
        """Of requests of one text, one after the other; None where price or latency is unknown."""
        if backend is Backend.CLIENT_SIDE:
            return 0.0
        price, latency = self.usd_per_hour.get(backend), self.latency(backend, manifest)
        if price is None or latency is None:
            return None
        return latency.p50_ms / _MS_PER_S * price / _SECONDS_PER_HOUR * 1000
