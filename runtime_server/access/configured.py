"""The guard and the quota that the settings ask for."""

import logging

from runtime_server.access.guard import Guard
from runtime_server.access.key_store import KeyStoreError, key_store
from runtime_server.access.live_keys import LiveKeys
from runtime_server.access.quota import Quota, Unlimited
from runtime_server.errors import SettingsError
from runtime_server.metrics import Metrics
from runtime_server.settings import Settings

logger = logging.getLogger(__name__)


def guard_of(settings: Settings) -> Guard:
    """Raises SettingsError: API_KEYS names a store that cannot be used."""
    if settings.api_keys is None:
        return Guard(None, settings.admin_key)
    try:
        store = key_store(settings.api_keys, settings.redis_url)
    except KeyStoreError as exc:
        raise SettingsError(str(exc)) from None
    return Guard(LiveKeys(store), settings.admin_key)


def quota_of(settings: Settings, metrics: Metrics) -> Quota:
    """Unlimited where there is no limit, and no key could have one of its own."""
    if settings.rate_limit is None and settings.api_keys is None:
        return Unlimited()
    # Imported here: a server without limits does without them.
    from limits import parse

    from runtime_server.access.rate_limit import RateLimits

    if settings.workers > 1 and settings.redis_url is None:
        logger.warning("each of %d workers counts for itself: set REDIS_URL", settings.workers)
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    default = parse(settings.rate_limit) if settings.rate_limit else None
    return RateLimits(default, url, metrics.rate_limit_store_lost)
