"""`GET /metrics`, for Prometheus."""

from fastapi import APIRouter
from starlette.responses import Response

from runtime_server.metrics import MEDIA_TYPE, Metrics


def metrics_router(metrics: Metrics) -> APIRouter:
    """The route that shows what the server has counted."""
    routes = APIRouter(tags=["server"])

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def show() -> Response:
        """Counters, gauges and histograms in Prometheus' text format."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    return routes
