"""Rows of all requests for one model, waiting for its session; what runs next is chosen late.

There is no timer: as soon as the session is free, the rows that fit together run. An idle server
answers at once, and a busy one finds more rows of like length the busier it is.
"""

import asyncio
import bisect
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from time import perf_counter
from typing import Generic, TypeVar

from runtime_server.batch_choice import BatchLimits, choose_batch
from runtime_server.errors import EngineError, EngineOverloadedError
from runtime_server.graph_input import Row

A = TypeVar("A")  # what a row is answered with
Run = Callable[[Sequence[Row]], Awaitable[Sequence[A]]]
RunHere = Callable[[Sequence[Row]], Sequence[A]]
# Nobody else waits noticeably longer for that.
BRIEF_S = 0.001
# How much the newest run counts in the rate that Retry-After is computed from.
NEWEST = 0.2


@dataclass(order=True)
class _Waiting(Generic[A]):
    """A row in its turn: `turn` is its start tag, `number` keeps the order of arrival."""

    turn: float
    number: int
    request: int = field(compare=False)
    row: Row = field(compare=False)
    done: "asyncio.Future[A]" = field(compare=False)
    started: float = field(default=math.nan, compare=False)
    batch_rows: int = field(default=0, compare=False)

    def give(self, answer: A) -> None:
        """Unless nobody waits any more."""
        if not self.done.done():
            self.done.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Unless nobody waits any more."""
        if isinstance(error, asyncio.CancelledError):
            self.done.cancel()
        elif not self.done.done():
            self.done.set_exception(error)


@dataclass(frozen=True)
class Ran(Generic[A]):
    """Answers in the order of the rows; seconds until the last of them began to run.

    `batch_rows` is the size of the largest batch that one of them was in.
    """

    answers: tuple[A, ...]
    queue_s: float
    batch_rows: int


class RowQueue(Generic[A]):
    """Takes rows, gives what they are answered with.

    Requests share the session fairly, as in start-time fair queueing (Goyal et al., 1996): a row's
    turn comes after what its own request had before it. So a request of one row does not wait for
    a hundred rows of another that came earlier. Every request is a flow of its own, and new ones
    never end: so the clock goes on by what runs, else the later rows of a request would wait for
    ever.
    """

    def __init__(
        self,
        run: Run[A],
        limits: BatchLimits,
        most_tokens: int,
        told: Callable[[int], None] = lambda _: None,
        run_here: RunHere[A] | None = None,
    ) -> None:
        """`told` hears how many tokens wait or run, whenever that changes.

        `run_here` does what `run` does, and blocks: for a row so short that to hand it to another
        thread, and to take its answer back, would cost more than to run it.
        """
        self._run_here = run_here
        self._run = run
        self._limits = limits
        self._most_tokens = most_tokens
        self._waiting: list[_Waiting[A]] = []
        self._tokens = 0
        self._clock = 0.0
        self._told = told
        self._tokens_per_s = math.nan
        self._numbers = count()
        self._requests = count()
        self._dispatcher: asyncio.Task[None] | None = None

    @property
    def tokens(self) -> int:
        """Tokens that wait or run."""
        return self._tokens

    async def run(self, rows: Sequence[Row], share: float = 1.0) -> Ran[A]:
        """One answer per row. A caller that goes away takes its waiting rows along.

        While smaller requests keep coming, the rows after the first have this share of the session,
        divided by the number of requests that have such rows.

        Raises:
            EngineOverloadedError: at once, before anything is queued.
            EngineError: what the run said.
        """
        tokens = sum(row.tokens for row in rows)
        if len(rows) == 1 and self._run_here is not None and self._is_brief(tokens):
            return self._ran_here(rows, tokens, self._run_here)
        self.require_room(tokens)
        began = perf_counter()
        waiting = self._enqueued(rows, share)
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch())
        try:
            found = await asyncio.gather(*(one.done for one in waiting))
        finally:
            for one in waiting:
                one.done.cancel()
        return Ran(
            tuple(found),
            queue_s=max((one.started for one in waiting), default=began) - began,
            batch_rows=max((one.batch_rows for one in waiting), default=0),
        )

    def _is_brief(self, tokens: int) -> bool:
        # False as long as the rate is not known.
        return self._dispatcher is None and tokens / self._tokens_per_s < BRIEF_S

    def _ran_here(self, rows: Sequence[Row], tokens: int, run: RunHere[A]) -> Ran[A]:
        began = perf_counter()
        found = run(rows)
        self._learn_rate(tokens, perf_counter() - began)
        return Ran(tuple(found), queue_s=0.0, batch_rows=1)

    def require_room(self, wanted: int) -> None:
        """Raises EngineOverloadedError where so many tokens more would be too many.

        A request that is larger than the whole queue is taken by an idle server.
        """
        if self._tokens and self._tokens + wanted > self._most_tokens:
            rate = self._tokens_per_s
            wait_s = 1.0 if math.isnan(rate) else self._tokens / rate
            raise EngineOverloadedError(
                f"{self._tokens} tokens wait before this request", retry_after_s=wait_s
            )

    async def close(self) -> None:
        """Let nothing wait any longer."""
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        for one in self._waiting:
            one.done.cancel()
        self._waiting.clear()

    def _enqueued(self, rows: Sequence[Row], share: float) -> list[_Waiting[A]]:
        loop = asyncio.get_running_loop()
        turn, request, entered = self._clock, next(self._requests), []
        for row in rows:
            one = _Waiting(turn, next(self._numbers), request, row, loop.create_future())
            one.done.add_done_callback(partial(self._left, row.tokens))
            self._tokens += row.tokens
            bisect.insort(self._waiting, one)
            entered.append(one)
            turn += row.tokens / share
        self._told(self._tokens)
        return entered

    def _left(self, tokens: int, _: "asyncio.Future[A]") -> None:
        self._tokens -= tokens
        self._told(self._tokens)

    async def _dispatch(self) -> None:
        try:
            while batch := self._next_batch():
                await self._answer(batch)
        finally:
            self._dispatcher = None

    def _next_batch(self) -> list[_Waiting[A]]:
        # What was cancelled costs nothing any more.
        self._waiting = [one for one in self._waiting if not one.done.done()]
        if not self._waiting:
            return []
        # Those whose turn has come are not kept waiting by others in their batch.
        due = bisect.bisect_right(self._waiting, self._clock, key=lambda one: one.turn)
        candidates = self._waiting[: min(due or self._limits.window, self._limits.window)]
        self._clock = max(self._clock, self._waiting[0].turn)
        lengths = [one.row.padded for one in candidates]
        places = choose_batch(lengths, self._limits)
        batch = [self._waiting[place] for place in places]
        for place in sorted(places, reverse=True):
            del self._waiting[place]
        self._go_on(sum(one.row.tokens for one in batch))
        return batch

    def _go_on(self, tokens: int) -> None:
        """The clock, while so many tokens run."""
        many = {one.request for one in self._waiting if one.turn > self._clock}
        self._clock += tokens / max(1, len(many))

    async def _answer(self, batch: Sequence[_Waiting[A]]) -> None:
        try:
            found = await self._timed_run(batch)
        except EngineError as exc:
            await self._answer_one_by_one(batch, exc)
        except BaseException as exc:
            # Whatever it is, the callers must not wait for ever.
            for one in batch:
                one.fail(exc)
            if not isinstance(exc, Exception):
                raise
        else:
            for one, answer in zip(batch, found, strict=True):
                one.give(answer)

    async def _timed_run(self, batch: Sequence[_Waiting[A]]) -> Sequence[A]:
        began = perf_counter()
        for one in batch:
            one.started, one.batch_rows = began, len(batch)
        found = await self._run([one.row for one in batch])
        self._learn_rate(sum(one.row.tokens for one in batch), perf_counter() - began)
        return found

    async def _answer_one_by_one(self, batch: Sequence[_Waiting[A]], error: EngineError) -> None:
        if len(batch) == 1:
            batch[0].fail(error)
            return
        # One of them may be what the graph cannot run: it fails alone.
        for one in batch:
            if not one.done.done():
                await self._answer([one])

    def _learn_rate(self, tokens: int, seconds: float) -> None:
        newest = tokens / max(seconds, 1e-6)
        known = newest if math.isnan(self._tokens_per_s) else self._tokens_per_s
        self._tokens_per_s = known + NEWEST * (newest - known)
