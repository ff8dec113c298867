"""Builds the ASGI application; no globals, nothing at import time."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from registry import Backend
from runtime_server.body_limit import BodyLimit
from runtime_server.demo import DemoFiles
from runtime_server.downloads import Downloads
from runtime_server.engine import Engine
from runtime_server.logs import request_logger
from runtime_server.metrics import Metrics
from runtime_server.observed import Observed
from runtime_server.openapi import DocumentedApi
from runtime_server.path_headers import PathHeaders
from runtime_server.problems import answer_with_problems
from runtime_server.protocol_models import ProtocolModels
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
from runtime_server.routes.predict import predict_router
from runtime_server.service import Service
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
    service = Service.of(settings, engines)
    app = DocumentedApi(
        service.limits,
        title="Samegraph",
        version=server_version(),
        lifespan=lambda _: _running(service, settings.shutdown_drain_s),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=TELEMETRY,
    )
    answer_with_problems(app)
    for router in _routers(service, settings):
        app.include_router(router)
    app.mount("/demo", DemoFiles(settings.demo_root))
    app.mount("/docs", api_page_files())
    _add_middleware(app, settings, service.metrics)
    return app


def app_from_environment() -> FastAPI:
    """`create_app` for settings from the environment: what a worker process starts with."""
    return create_app(load_settings())


def _routers(service: Service, settings: Settings) -> Iterator[APIRouter]:
    catalogue, router, predictor = service.catalogue, service.router, service.predictor
    guard = service.guard
    # They are tried in this order: first what is asked for most.
    yield predict_router(predictor, guard, settings.max_body_bytes)
    yield infer_router(predictor, guard, settings.max_body_bytes)
    yield inference_protocol_router(ProtocolModels(catalogue, router), service.readiness)
    yield health_router(catalogue, router, service.readiness)
    yield metrics_router(service.metrics, guard)
    yield info_router(catalogue)
    yield backends_router(catalogue, router, service.expectations)
    yield models_router(catalogue, router.policy, Downloads(folder_of_this_process()))
    restart = restart_workers if settings.workers > 1 else None
    yield admin_router(catalogue, service.memory, service.reload, guard, restart)
    yield demo_router()
    yield api_page_router()


@asynccontextmanager
async def _running(service: Service, drain_s: float) -> AsyncIterator[None]:
    # In the background: the server listens at once, and /readyz tells when it is warm.
    async with exported_traces(server_version()):
        warming = asyncio.create_task(service.readiness.warm())
        try:
            with drained(service.readiness.stop, drain_s):
                yield
        finally:
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
            await service.close()


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
            allow_headers=("Authorization", "Content-Type", "X-API-Key"),
            expose_headers=("RateLimit", "RateLimit-Policy", "Retry-After", REQUEST_ID),
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
