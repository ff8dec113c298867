"""Builds the ASGI application; no globals, nothing at import time."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from registry import Backend
from runtime_server.admin_access import AdminAccess
from runtime_server.body_limit import BodyLimit
from runtime_server.breaker import BreakerLimits
from runtime_server.breakers import Breakers
from runtime_server.catalogue import Catalogue
from runtime_server.deadline import Deadline
from runtime_server.demo import DemoFiles
from runtime_server.downloads import Downloads
from runtime_server.engine import Engine
from runtime_server.expected_latency import Expectations, LatencyRecord
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.local_engine import LocalEngine
from runtime_server.logs import request_logger
from runtime_server.metrics import Metrics
from runtime_server.observed import Observed
from runtime_server.openapi import DocumentedApi, RequestLimits
from runtime_server.path_headers import PathHeaders
from runtime_server.problems import answer_with_problems
from runtime_server.protocol_models import ProtocolModels
from runtime_server.readiness import Readiness
from runtime_server.reload import Reload
from runtime_server.requests import TextLimits
from runtime_server.router import Router
from runtime_server.routes.admin import admin_router, restart_workers
from runtime_server.routes.api_page import api_page_files, api_page_router
from runtime_server.routes.backends import backends_router
from runtime_server.routes.demo import demo_router
from runtime_server.routes.health import health_router
from runtime_server.routes.infer import infer_router
from runtime_server.routes.inference_protocol import inference_protocol_router
from runtime_server.routes.info import info_router, server_version
from runtime_server.routes.metrics import metrics_router
from runtime_server.routes.models import models_router
from runtime_server.routes.predict import Predictor, predict_router
from runtime_server.routing import Policy
from runtime_server.settings import Settings, load_settings
from runtime_server.shared_metrics import folder_of_this_process
from runtime_server.stopping import drained
from runtime_server.tracing import TELEMETRY, exported_traces

REQUEST_ID: Final = "X-Request-Id"


def create_app(settings: Settings, engines: Mapping[Backend, Engine] | None = None) -> FastAPI:
    """The application for these settings; `engines` replaces the ones that they imply.

    Raises:
        SettingsError, StartError: the registry does not hold what the settings name.
    """
    catalogue = LiveCatalogue(Catalogue.load(settings))
    metrics = Metrics(folder_of_this_process())
    local = LocalEngine.of(settings, metrics)
    own = engines or {Backend.LOCAL: local}
    router = Router(
        own,
        _policy(settings),
        metrics,
        Breakers(_breaker_limits(settings), metrics.breaker),
        attempt_s=settings.attempt_timeout_ms / 1e3,
    )
    readiness = Readiness(router, catalogue, settings.preload_models)
    expectations = Expectations(
        router.latency,
        LatencyRecord.read(settings.latency_record),
        {Backend.LOCAL: settings.vps_usd_per_hour},
    )
    reload = Reload(settings, catalogue, local, readiness, asyncio.Lock())
    restart = restart_workers if settings.workers > 1 else None
    limits = RequestLimits(TextLimits.of(settings), settings.max_batch_items)
    predictor = Predictor(
        catalogue,
        router,
        limits.text,
        limits.max_batch_items,
        Deadline(settings.request_timeout_ms, metrics),
    )
    app = DocumentedApi(
        limits,
        title="Samegraph",
        version=server_version(),
        lifespan=lambda _: _running(router, readiness, settings.shutdown_drain_s),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=TELEMETRY,
    )
    answer_with_problems(app)
    app.include_router(info_router(catalogue))
    app.include_router(health_router(catalogue, router, readiness))
    app.include_router(backends_router(catalogue, router, expectations))
    app.include_router(models_router(catalogue, router.policy, Downloads()))
    app.include_router(predict_router(predictor, settings.max_body_bytes))
    app.include_router(inference_protocol_router(ProtocolModels(catalogue, router), readiness))
    app.include_router(infer_router(predictor, settings.max_body_bytes))
    app.include_router(metrics_router(metrics))
    access = AdminAccess(settings.admin_key)
    app.include_router(admin_router(catalogue, local, reload, access, restart))
    app.include_router(demo_router())
    app.include_router(api_page_router())
    app.mount("/demo", DemoFiles(settings.demo_root))
    app.mount("/docs", api_page_files())
    _add_middleware(app, settings, metrics)
    return app


def app_from_environment() -> FastAPI:
    """`create_app` for settings from the environment: what a worker process starts with."""
    return create_app(load_settings())


@asynccontextmanager
async def _running(router: Router, readiness: Readiness, drain_s: float) -> AsyncIterator[None]:
    # In the background: the server listens at once, and /readyz tells when it is warm.
    async with exported_traces(server_version()):
        warming = asyncio.create_task(readiness.warm())
        try:
            with drained(readiness.stop, drain_s):
                yield
        finally:
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
            await router.close()


def _policy(settings: Settings) -> Policy:
    return Policy(
        default_backend=settings.default_inference_backend,
        allow_client_side=settings.allow_client_side_inference,
        allow_modal=settings.allow_modal_inference,
        overrides=tuple(filter(None, (item.override for item in settings.available_models))),
    )


def _breaker_limits(settings: Settings) -> BreakerLimits:
    return BreakerLimits(failure_rate=settings.breaker_failure_rate, open_s=settings.breaker_open_s)


def _add_middleware(app: FastAPI, settings: Settings, metrics: Metrics) -> None:
    # The last one added sees a request first.
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST"),
            allow_headers=("Content-Type",),
        )
    app.add_middleware(PathHeaders)
    app.add_middleware(Observed, metrics=metrics, log=request_logger(settings, sys.stderr))
    app.add_middleware(
        CorrelationIdMiddleware,
        header_name=REQUEST_ID,
        generator=lambda: uuid4().hex,
        validator=_is_request_id,
        transformer=str,
    )


def _is_request_id(given: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", given) is not None
