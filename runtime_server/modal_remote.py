"""The deployed class as seen from here: its one client, and calls that end in time.

The only file of the server that imports the modal package. Whatever that raises becomes an
EngineError, which says that Modal is of no use right now.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry import Manifest
from runtime_server.errors import EngineError
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_plan import CLASS_NAME, WORKER_FAILED, ModalPlan, volume_folder

# Else the client waits without limit while Modal throttles it; it is read at every call.
os.environ.setdefault("MODAL_MAX_THROTTLE_WAIT", "1")

import modal
from modal import exception as raised

logger = logging.getLogger(__name__)

# For what goes on after its caller has left: to take a call back, to close the client.
FAREWELL_S: Final = 10.0

_REASONS: Final[Mapping[type[BaseException], str]] = {
    raised.AuthError: "unauthorized",
    raised.PermissionDeniedError: "unauthorized",
    raised.NotFoundError: "not_deployed",
    raised.ResourceExhaustedError: "throttled",
    raised.FunctionTimeoutError: "call_timed_out",
    raised.ConnectionError: "unreachable",
    raised.ServiceError: "unreachable",
    raised.ClientClosed: "unreachable",
    raised.InternalFailure: "container_lost",
    raised.DeserializationError: "malformed_answer",
}


# After these, a call may go on without anybody who waits for it.
_LOST_SIGHT: Final = (
    raised.ConnectionError,
    raised.ResourceExhaustedError,
    raised.ServiceError,
    OSError,
)


@dataclass(frozen=True)
class Pool:
    """The containers of a model: how many there are, and how many calls wait for one."""

    containers: int
    backlog: int


class ModalRemote:
    """Connects when first called. Connecting is shared, and nobody waits for it without limit."""

    def __init__(self, credentials: ModalCredentials, plan: ModalPlan) -> None:
        self._credentials = credentials
        self._plan = plan
        self._client: modal.Client | None = None
        self._connecting: asyncio.Task[modal.Client] | None = None
        self._methods: dict[tuple[str, str], Any] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    async def call(
        self,
        manifest: Manifest,
        method: str,
        given: tuple[object, ...],
        *,
        within_s: float,
        accepted: Callable[[], None],
    ) -> object:
        """What the method returns; `accepted` is called once Modal has taken the call.

        A caller who leaves, and one whose time is up, takes the call back: the container stops
        working on it. Raises EngineError.
        """
        return await self._answer(self._called(manifest, method, given, accepted), within_s)

    async def pool(self, manifest: Manifest, within_s: float) -> Pool:
        """Starts no container. Raises EngineError: not_deployed, not_published, unreachable."""
        found: Pool = await self._answer(self._pool(manifest), within_s)
        return found

    async def close(self) -> None:
        """Let go of the connection, and of what still says goodbye."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=FAREWELL_S)
        client, self._client = self._client, None
        if client is not None:
            await self._answer(client.close.aio(), FAREWELL_S)

    async def _answer(self, work: Coroutine[Any, Any, Any], within_s: float) -> Any:  # noqa: ANN401
        try:
            async with asyncio.timeout(within_s):
                return await work
        except EngineError:
            raise
        except TimeoutError:
            raise EngineError(
                "timed_out", f"no answer from Modal within {within_s:.1f} s"
            ) from None
        except Exception as exc:  # of the modal package, and of whatever it raises from afar
            # A handle may be that of an app that is gone.
            self._methods.clear()
            raise _as_engine_error(exc) from exc

    async def _method(self, manifest: Manifest, name: str) -> Any:  # noqa: ANN401
        client = await self._connected()
        key = manifest.digest, name
        if key not in self._methods:
            found = modal.Cls.from_name(self._plan.app, CLASS_NAME, client=client)
            detector = found(model_id=manifest.model_id, digest=manifest.digest)
            # Kept: to bind one takes longer than to send a text.
            self._methods[key] = getattr(detector, name)
        return self._methods[key]

    async def _connected(self) -> modal.Client:
        if self._client is not None and not self._client.is_closed():
            return self._client
        if self._connecting is None:
            work = modal.Client.from_credentials.aio(
                self._credentials.token_id, self._credentials.token_secret
            )
            self._connecting = asyncio.ensure_future(work)
            self._connecting.add_done_callback(self._connected_or_not)
        # The client tries for a minute: those who come meanwhile wait for the same attempt.
        return await asyncio.shield(self._connecting)

    def _connected_or_not(self, connecting: "asyncio.Task[modal.Client]") -> None:
        self._connecting = None
        if not connecting.cancelled() and connecting.exception() is None:
            self._client = connecting.result()
            self._methods.clear()

    async def _called(
        self,
        manifest: Manifest,
        method: str,
        given: tuple[object, ...],
        accepted: Callable[[], None],
    ) -> object:
        function = await self._method(manifest, method)
        spawning = asyncio.ensure_future(function.spawn.aio(*given))
        try:
            call = await asyncio.shield(spawning)
            accepted()
            return await call.get.aio()
        except (asyncio.CancelledError, *_LOST_SIGHT):
            self._later(_taken_back(spawning))
            raise

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _pool(self, manifest: Manifest) -> Pool:
        predict = await self._method(manifest, "predict")
        stats = await predict.get_current_stats.aio()
        if stats.num_total_runners == 0:
            await self._require_published(manifest)
        return Pool(stats.num_total_runners, stats.backlog)

    async def _require_published(self, manifest: Manifest) -> None:
        # A container that does not find its artifact would be paid for that.
        client = await self._connected()
        volume = modal.Volume.from_name(self._plan.volume, client=client)
        try:
            if await volume.listdir.aio(volume_folder(manifest)):
                return
        except raised.NotFoundError:
            pass
        raise EngineError("not_published", f"{manifest.reference} is not in the Modal Volume")


async def _taken_back(spawning: "asyncio.Future[Any]") -> None:
    try:
        async with asyncio.timeout(FAREWELL_S):
            call = await spawning
    except Exception:  # it did not come to a call
        return
    try:
        async with asyncio.timeout(FAREWELL_S):
            await call.cancel.aio()
    except Exception as exc:  # nobody waits for it; Modal's own limit ends the call
        logger.info("a call on Modal could not be taken back: %s", type(exc).__name__)


def _as_engine_error(error: Exception) -> EngineError:
    told = str(error)
    if told.startswith(WORKER_FAILED):
        reason, _, detail = told.removeprefix(WORKER_FAILED).partition(": ")
        return EngineError(reason, detail)
    reasons = (reason for kind, reason in _REASONS.items() if isinstance(error, kind))
    # Not what it says: an exception from afar may quote the text.
    return EngineError(next(reasons, "remote_failed"), f"Modal: {type(error).__name__}")
