"""What a server knows about one model on Modal, and its calls for it."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry import Manifest
from runtime_server.attempt import Attempt
from runtime_server.cold_start import ColdStart
from runtime_server.engine import Availability
from runtime_server.errors import ColdStartError, EngineError
from runtime_server.metrics import Metrics
from runtime_server.modal_answer import ModalAnswer
from runtime_server.modal_health import WITHIN_S, PoolHealth
from runtime_server.modal_plan import ModalPlan
from runtime_server.modal_remote import ModalRemote, Pool
from runtime_server.spending import Spending

logger = logging.getLogger(__name__)

# Of the time that is left, what may be waited for a start where another backend could answer.
_SHARE_OF_A_START: Final = 0.5
# Before the caller's time is up: it is told about the start, not that its time is up.
_BEFORE_THE_END_S: Final = 0.05
# The router's own limit comes first; this one is for whoever calls without one.
_AFTER_THE_END_S: Final = 1.0
# After that, whether a container is up is not known.
_LOST: Final = frozenset({"container_lost", "remote_failed", "not_deployed"})


class ModalModel:
    """One model, whose containers are Modal's business."""

    def __init__(
        self,
        manifest: Manifest,
        remote: ModalRemote,
        plan: ModalPlan,
        cold: ColdStart,
        spending: Spending,
        metrics: Metrics,
        later: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """`later` takes work that no caller waits for."""
        self._manifest = manifest
        self._remote = remote
        self._plan = plan
        self._cold = cold
        self._spending = spending
        self._metrics = metrics
        self._later = later
        self._health = PoolHealth(self._ask, self._told)

    @property
    def availability(self) -> Availability:
        """From what is known; has Modal asked again where that is old."""
        self._health.refresh()
        state = self._health.availability
        if not state.ok:
            return state
        start_s = 0.0 if self._cold.warm else self._cold.expected_s
        return Availability(warm=self._cold.warm, start_s=start_s)

    async def answers(
        self, parts: Sequence[Sequence[str]], attempt: Attempt
    ) -> tuple[ModalAnswer, ...]:
        """One per part, each of them one call. Raises EngineError."""
        await self._health.require(attempt.left_s)
        await self._be_up(attempt)
        try:
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(self._answer(part, attempt)) for part in parts]
        except ExceptionGroup as exc:
            raise exc.exceptions[0] from None
        return tuple(call.result() for call in calls)

    async def close(self) -> None:
        """Wait for nothing any longer."""
        await self._health.close()
        await self._cold.close()

    async def _be_up(self, attempt: Attempt) -> None:
        """A container is up. Raises EngineError: cold_start, if that would take too long.

        The first caller wakes one, and the others wait for the same: as many starts as callers
        would be as many containers. It goes on without them, so the next caller finds it there.
        """
        if self._cold.warm:
            return
        self._cold.require_hope()
        waking = self._cold.wake(self._wake)
        within_s = attempt.left_s - _BEFORE_THE_END_S
        if not attempt.is_last:
            within_s *= _SHARE_OF_A_START
        if self._cold.remaining_s > within_s:
            raise ColdStartError(self._cold.remaining_s)
        try:
            async with asyncio.timeout(min(within_s, self._plan.start_s)):
                await asyncio.shield(waking)
        except TimeoutError:
            raise ColdStartError(self._cold.remaining_s) from None

    async def _wake(self) -> None:
        name, bill = self._manifest.reference, _Bill()
        logger.info("a container of %s is to start, in about %.0f s", name, self._cold.expected_s)
        began = time.time()
        try:
            answer = await self._called(bill, "wake", (), self._plan.start_s, n_texts=0)
        except EngineError as exc:
            logger.warning("no container of %s has come up: %s", name, exc)
            if bill.accepted_at is not None:
                self._cold.failed(exc)
            raise
        if answer.load_s:
            self._started(time.time() - began)

    async def _answer(self, texts: Sequence[str], attempt: Attempt) -> ModalAnswer:
        began = time.time()
        within_s = min(attempt.left_s + _AFTER_THE_END_S, self._plan.call_s)
        answer = await self._called(
            _Bill(), "predict", (list(texts),), within_s, n_texts=len(texts)
        )
        if answer.load_s:
            # Another container than the one that was thought to be up.
            self._started(time.time() - began - answer.run_s)
        self._cold.answered()
        return answer

    async def _called(
        self,
        bill: "_Bill",
        method: str,
        given: tuple[object, ...],
        within_s: float,
        *,
        n_texts: int,
    ) -> ModalAnswer:
        try:
            value = await self._remote.call(
                self._manifest, method, given, within_s=within_s, accepted=bill.accept
            )
            return ModalAnswer.read(value, n_texts)
        except EngineError as exc:
            self._note(exc)
            raise
        finally:
            # A call that its caller has left has cost something, too.
            if bill.accepted_at is not None:
                name = self._manifest.reference
                self._later(self._spending.charge(name, bill.accepted_at, time.time()))

    def _note(self, error: EngineError) -> None:
        if error.reason in _LOST:
            self._cold.gone()
        self._health.failed(error)

    def _started(self, seconds: float) -> None:
        self._cold.started(seconds)
        self._metrics.modal_started(self._manifest.reference, seconds)

    async def _ask(self) -> Pool:
        await self._spending.look()
        return await self._remote.pool(self._manifest, WITHIN_S)

    def _told(self, pool: Pool) -> None:
        self._cold.counted(pool.containers)


@dataclass
class _Bill:
    """A call is paid for from when Modal has taken it, in Unix seconds."""

    accepted_at: float | None = None

    def accept(self) -> None:
        self.accepted_at = time.time()
