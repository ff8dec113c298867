"""`GET /metrics`, for Prometheus."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from runtime_server.access.api_key import KeyScope
from runtime_server.access.guard import Guard, guarded
from runtime_server.metrics import MEDIA_TYPE, Metrics


def metrics_router(metrics: Metrics, guard: Guard) -> APIRouter:
    """The route that shows what the server has counted."""
    routes = APIRouter(tags=["server"], route_class=guarded(guard, KeyScope.METRICS))

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def show() -> Response:
        """Counters, gauges and histograms in Prometheus' text format."""
        # In a thread: the counts of several workers are read from files.
        return Response(await asyncio.to_thread(metrics.text), media_type=MEDIA_TYPE)

    return routes
