"""Whether spans are recorded: where OpenTelemetry's standard variables name a collector."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi.telemetry import TelemetryConfig

from runtime_server.observed import PROBES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

logger = logging.getLogger(__name__)

# Spans that a collector does not take in this time are lost: a server must stop when told to.
LAST_SPANS_S: Final = 3.0
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# FastAPI's own spans of requests; its logs would hold messages, which may quote texts.
TELEMETRY: Final[TelemetryConfig] = {
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
    "exclude": lambda scope: scope["path"] in PROBES,
}


def collector_is_named(environment: Mapping[str, str]) -> bool:
    """By OTEL_EXPORTER_OTLP_ENDPOINT or its variant for traces, unless OTEL_* switch traces off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    return exporter == "otlp" and any(environment.get(name) for name in ENDPOINTS)


@asynccontextmanager
async def exported_traces(version: str) -> AsyncIterator[None]:
    """Record and send spans meanwhile, if a collector is named and the packages are installed."""
    provider = _started(version) if collector_is_named(os.environ) else None
    try:
        yield
    finally:
        if provider is not None:
            last = threading.Thread(target=provider.shutdown, daemon=True)
            last.start()
            await asyncio.to_thread(last.join, LAST_SPANS_S)


def _started(version: str) -> "TracerProvider | None":
    try:
        # Imported here: a server without a collector does without the packages.
        from runtime_server.otlp_export import start_export
    except ModuleNotFoundError as exc:
        logger.warning(
            "no traces: a collector is named, but %s is missing (pip install 'samegraph[otel]')",
            exc.name,
        )
        return None
    return start_export(version)
