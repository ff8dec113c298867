"""OpenTelemetry spans of what a backend did, inside the span of the request."""

from time import time_ns
from typing import Final

from opentelemetry import trace

from registry import Artifact, Backend
from runtime_server.engine import Scores

_TRACER: Final = trace.get_tracer("samegraph")
# Finding a model that is loaded takes microseconds.
_LOADED_MS: Final = 1.0


def record_spans(backend: Backend, artifact: Artifact, scores: Scores) -> None:
    """Spans `load` (if there was one), `tokenize`, `queue` and `run`, which end now.

    Made afterwards, from the times that were taken anyway: nothing where nobody records.
    """
    request = trace.get_current_span()
    if not request.is_recording():
        return
    attributes = {
        "samegraph.model": artifact.manifest.reference,
        "samegraph.backend": backend.value,
        "samegraph.items": len(scores.items),
        "samegraph.tokens": scores.tokens or 0,
        "samegraph.batch_rows": scores.batch_rows,
    }
    request.set_attributes(attributes)
    end = time_ns()
    for name, milliseconds in _phases(scores):
        start = end - int(milliseconds * 1e6)
        _TRACER.start_span(name, attributes=attributes, start_time=start).end(end)
        end = start


def _phases(scores: Scores) -> list[tuple[str, float]]:
    """Last one first."""
    spent = scores.timings
    phases = [
        ("run", spent.run_ms),
        ("queue", spent.queue_ms),
        ("tokenize", spent.normalize_ms),
        ("load", spent.load_ms),
    ]
    return phases if spent.load_ms >= _LOADED_MS else phases[:-1]
