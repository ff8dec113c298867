"""Sends spans to an OpenTelemetry collector; the only file that needs the extra `otel`."""

import os

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

QUERY = "url.query"


class WithoutQuery(SpanProcessor):
    """A query is the caller's: no collector needs it."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Overwrite it: OpenTelemetry has no way to take an attribute off."""
        if span.attributes is not None and QUERY in span.attributes:
            span.set_attribute(QUERY, "REDACTED")


def start_export(version: str) -> TracerProvider:
    """The process's provider, as OTEL_* variables say; `shutdown` sends what is left."""
    names = {SERVICE_VERSION: version}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        names[SERVICE_NAME] = "samegraph"
    provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
    provider.add_span_processor(WithoutQuery())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider
