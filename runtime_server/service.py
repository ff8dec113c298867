"""What a server consists of, apart from HTTP: made once, from settings."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from registry import Backend
from runtime_server.access.configured import guard_of, quota_of
from runtime_server.access.guard import Guard
from runtime_server.breaker import BreakerLimits
from runtime_server.breakers import Breakers
from runtime_server.catalogue import Catalogue
from runtime_server.deadline import Deadline
from runtime_server.engine import Engine, ModelMemory
from runtime_server.expected_latency import Expectations, LatencyRecord
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.local_engine import LocalEngine
from runtime_server.metrics import Metrics
from runtime_server.modal_credentials import INSTALL, ModalCredentials, is_installed
from runtime_server.modal_price import usd_per_hour
from runtime_server.openapi import RequestLimits
from runtime_server.readiness import Readiness
from runtime_server.reload import Reload
from runtime_server.requests import TextLimits
from runtime_server.router import Router
from runtime_server.routes.predict import Predictor
from runtime_server.routing import Policy
from runtime_server.settings import Settings
from runtime_server.shared_metrics import folder_of_this_process

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """The parts that routes are made of."""

    catalogue: LiveCatalogue
    router: Router
    predictor: Predictor
    readiness: Readiness
    expectations: Expectations
    reload: Reload
    memory: ModelMemory
    limits: RequestLimits
    metrics: Metrics
    guard: Guard

    @classmethod
    def of(cls, settings: Settings, engines: Mapping[Backend, Engine] | None = None) -> Self:
        """The parts for these settings; `engines` replaces the ones that they imply.

        Raises:
            SettingsError, StartError: the registry does not hold what the settings name.
        """
        catalogue = LiveCatalogue(Catalogue.load(settings))
        metrics = Metrics(folder_of_this_process())
        local = LocalEngine.of(settings, metrics)
        router = _router(settings, engines or _engines(settings, local, metrics), metrics)
        readiness = Readiness(router, catalogue, settings.preload_models)
        limits = RequestLimits(TextLimits.of(settings), settings.max_batch_items)
        predictor = Predictor(
            catalogue,
            router,
            limits.text,
            limits.max_batch_items,
            Deadline(settings.request_timeout_ms, metrics),
            quota_of(settings, metrics),
        )
        return cls(
            catalogue=catalogue,
            router=router,
            predictor=predictor,
            readiness=readiness,
            expectations=_expectations(settings, router),
            reload=Reload(settings, catalogue, local, readiness, asyncio.Lock()),
            memory=local,
            limits=limits,
            metrics=metrics,
            guard=guard_of(settings),
        )

    async def close(self) -> None:
        """Let go of what other programs hold for it."""
        await self.router.close()
        await self.predictor.quota.close()
        await self.guard.close()


def _engines(settings: Settings, local: LocalEngine, metrics: Metrics) -> Mapping[Backend, Engine]:
    credentials = ModalCredentials.find(settings)
    if credentials is None or not settings.allow_modal_inference:
        return {Backend.LOCAL: local}
    if not is_installed():
        logger.warning("there is a Modal token, but no package modal: %s", INSTALL)
        return {Backend.LOCAL: local}
    # Imported here: a server without Modal does without the package.
    from runtime_server.modal_engine import ModalEngine

    return {Backend.LOCAL: local, Backend.MODAL: ModalEngine.of(settings, credentials, metrics)}


def _router(settings: Settings, engines: Mapping[Backend, Engine], metrics: Metrics) -> Router:
    breakers = BreakerLimits(
        failure_rate=settings.breaker_failure_rate, open_s=settings.breaker_open_s
    )
    return Router(
        engines,
        _policy(settings),
        metrics,
        Breakers(breakers, metrics.breaker),
        attempt_s=settings.attempt_timeout_ms / 1e3,
    )


def _expectations(settings: Settings, router: Router) -> Expectations:
    record = LatencyRecord.read(settings.latency_record)
    prices = {Backend.LOCAL: settings.vps_usd_per_hour, Backend.MODAL: usd_per_hour(settings)}
    return Expectations(router.latency, record, prices)


def _policy(settings: Settings) -> Policy:
    return Policy(
        default_backend=settings.default_inference_backend,
        allow_client_side=settings.allow_client_side_inference,
        allow_modal=settings.allow_modal_inference,
        overrides=tuple(filter(None, (item.override for item in settings.available_models))),
    )
