"""Rows of many requests, one queue; the run is a real coroutine that the tests hold up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from runtime_server.batch_choice import BatchLimits
from runtime_server.errors import EngineError, EngineOverloadedError
from runtime_server.row_queue import Ran, RowQueue

POISON = 13.0


@dataclass(frozen=True)
class Number:
    """A row whose probability is its own number."""

    value: float
    tokens: int = 10

    @property
    def padded(self) -> int:
        return self.tokens


@dataclass
class Session:
    """Runs batches when told to, and remembers them; POISON breaks the batch that it is in."""

    batches: list[list[float]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception = field(default_factory=lambda: EngineError("run_failed", "poison"))

    async def run(self, rows: Sequence[Number]) -> Sequence[float]:
        self.batches.append([row.value for row in rows])
        await self.gate.wait()
        await asyncio.sleep(0)
        if POISON in self.batches[-1]:
            raise self.error
        return [row.value for row in rows]


def queue_of(session: Session, *, rows: int = 4, most_tokens: int = 10_000) -> RowQueue:
    return RowQueue(session.run, BatchLimits(rows=rows, tokens=1000), most_tokens)


def numbers(*values: float, tokens: int = 10) -> tuple[Number, ...]:
    return tuple(Number(value, tokens) for value in values)


async def waiting(*requests: "asyncio.Task[Ran]") -> None:
    """Until the requests have entered the queue."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_row_runs_at_once_and_those_that_come_meanwhile_run_together() -> None:
    async def _run() -> tuple[Session, list[Ran]]:
        session = Session()
        queue = queue_of(session)
        tasks = [asyncio.create_task(queue.run(numbers(0.0)))]
        await waiting()
        tasks += [asyncio.create_task(queue.run(numbers(n / 10))) for n in range(1, 6)]
        await waiting()
        assert queue.tokens == 60
        session.gate.set()
        found = await asyncio.gather(*tasks)
        await waiting()
        assert queue.tokens == 0
        return session, found

    session, found = asyncio.run(_run())
    assert session.batches == [[0.0], [0.1, 0.2, 0.3, 0.4], [0.5]]
    assert [ran.answers for ran in found] == [(n / 10,) for n in range(6)]
    assert found[5].queue_s > 0


def test_many_rows_come_back_in_their_order_whatever_their_lengths() -> None:
    async def _run() -> Ran:
        session = Session()
        session.gate.set()
        rows = tuple(Number(n / 100, tokens=1 + n * 37 % 90) for n in range(100))
        return await queue_of(session).run(rows)

    assert asyncio.run(_run()).answers == tuple(n / 100 for n in range(100))


def test_one_row_does_not_wait_for_all_rows_of_an_earlier_request() -> None:
    async def _run() -> Session:
        session = Session()
        queue = queue_of(session, rows=2)
        large = asyncio.create_task(queue.run(numbers(*([0.1] * 40))))
        await waiting()
        small = asyncio.create_task(queue.run(numbers(0.9)))
        await waiting()
        session.gate.set()
        await small
        large.cancel()
        return session

    assert any(0.9 in batch for batch in asyncio.run(_run()).batches[:2])


def test_a_long_row_among_endless_short_ones_is_next_after_those_before_it() -> None:
    async def _run() -> Session:
        session = Session()
        session.gate.set()
        queue = queue_of(session)
        stop = asyncio.Event()

        async def short() -> None:
            while not stop.is_set():
                await queue.run(numbers(0.1, tokens=8))

        crowd = [asyncio.create_task(short()) for _ in range(16)]
        await waiting()
        begun = len(session.batches)
        await queue.run(numbers(0.5, tokens=500))
        session.batches = session.batches[begun:]
        stop.set()
        await asyncio.gather(*crowd)
        return session

    batches = asyncio.run(_run()).batches
    # Sixteen waited before it, four to a batch.
    assert batches.index([0.5]) <= 5


@pytest.mark.parametrize(("requests", "share"), [(1, 0.5), (3, 0.5), (1, 0.2)])
def test_requests_of_many_rows_have_their_share_of_the_session_among_endless_short_ones(
    requests: int, share: float
) -> None:
    async def _run() -> Session:
        session = Session()
        session.gate.set()
        queue = queue_of(session)
        stop = asyncio.Event()

        async def short() -> None:
            while not stop.is_set():
                await queue.run(numbers(0.1, tokens=8))

        crowd = [asyncio.create_task(short()) for _ in range(16)]
        await waiting()
        begun = len(session.batches)
        many = [queue.run(numbers(*([0.5] * 6), tokens=300), share) for _ in range(requests)]
        await asyncio.wait_for(asyncio.gather(*many), timeout=5)
        session.batches = session.batches[begun:]
        stop.set()
        await asyncio.gather(*crowd)
        return session

    batches = asyncio.run(_run()).batches
    short = 8 * sum(batch.count(0.1) for batch in batches)
    many = 300 * 6 * requests
    # The first row of each has its turn at once, and what waited before them is served too.
    assert 0.4 * share < many / (many + short) < 1.6 * share


def test_a_bad_row_fails_alone() -> None:
    async def _run() -> list[Ran | BaseException]:
        session = Session()
        queue = queue_of(session)
        first = asyncio.create_task(queue.run(numbers(0.0)))
        await waiting()
        tasks = [asyncio.create_task(queue.run(numbers(n))) for n in (0.1, POISON, 0.2)]
        await waiting()
        session.gate.set()
        return await asyncio.gather(first, *tasks, return_exceptions=True)

    _, one, bad, other = asyncio.run(_run())
    assert isinstance(one, Ran)
    assert isinstance(other, Ran)
    assert (one.answers, other.answers) == ((0.1,), (0.2,))
    assert isinstance(bad, EngineError)
    assert bad.reason == "run_failed"


def test_what_nobody_foresaw_reaches_the_callers_and_the_queue_goes_on() -> None:
    async def _run() -> Ran:
        session = Session(error=ZeroDivisionError("a fault of ours"))
        session.gate.set()
        queue = queue_of(session)
        with pytest.raises(ZeroDivisionError):
            await queue.run(numbers(POISON))
        return await queue.run(numbers(0.3))

    assert asyncio.run(_run()).answers == (0.3,)


def test_a_caller_that_goes_away_takes_its_rows_along() -> None:
    async def _run() -> tuple[Session, int]:
        session = Session()
        queue = queue_of(session)
        first = asyncio.create_task(queue.run(numbers(0.0)))
        await waiting()
        gone = asyncio.create_task(queue.run(numbers(0.1, 0.2)))
        stays = asyncio.create_task(queue.run(numbers(0.3)))
        await waiting()
        gone.cancel()
        await waiting()
        tokens = queue.tokens
        session.gate.set()
        await asyncio.gather(first, stays)
        return session, tokens

    session, tokens = asyncio.run(_run())
    assert session.batches == [[0.0], [0.3]]
    assert tokens == 20


def test_what_does_not_fit_is_refused_at_once_and_says_when_to_come_again() -> None:
    async def _run() -> EngineOverloadedError:
        session = Session()
        queue = queue_of(session, most_tokens=35)
        first = asyncio.create_task(queue.run(numbers(0.0, 0.1, 0.2)))
        await waiting()
        with pytest.raises(EngineOverloadedError) as caught:
            await asyncio.wait_for(queue.run(numbers(0.3)), timeout=1)
        assert queue.tokens == 30
        session.gate.set()
        await first
        return caught.value

    error = asyncio.run(_run())
    assert error.reason == "overloaded"
    assert error.retry_after_s > 0


def test_an_idle_queue_takes_a_request_that_is_larger_than_itself() -> None:
    async def _run() -> Ran:
        session = Session()
        session.gate.set()
        return await queue_of(session, most_tokens=5).run(numbers(0.1, 0.2))

    assert asyncio.run(_run()).answers == (0.1, 0.2)


def test_closing_lets_nobody_wait() -> None:
    async def _run() -> None:
        queue = queue_of(Session())
        tasks = [asyncio.create_task(queue.run(numbers(n / 10))) for n in range(6)]
        await waiting()
        await queue.close()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in found)

    asyncio.run(asyncio.wait_for(_run(), timeout=2))


def test_a_brief_row_of_an_idle_queue_runs_where_it_is() -> None:
    async def _run() -> tuple[list[list[float]], list[Ran]]:
        session, here = Session(), []
        session.gate.set()

        def run_here(rows: Sequence[Number]) -> Sequence[float]:
            here.append([row.value for row in rows])
            if POISON in here[-1]:
                raise session.error
            return here[-1]

        limits = BatchLimits(rows=4, tokens=10_000_000)
        queue = RowQueue(session.run, limits, 10**9, run_here=run_here)
        first = await queue.run(numbers(0.1, tokens=1_000_000))  # nobody knows how fast it is
        await waiting()
        ran = [first, await queue.run(numbers(0.2)), await queue.run(numbers(0.3, 0.4))]
        await waiting()
        ran.append(await queue.run(numbers(0.5, tokens=10**9)))
        await waiting()
        with pytest.raises(EngineError, match="poison"):
            await queue.run(numbers(POISON))
        assert queue.tokens == 0
        assert [value for batch in session.batches for value in batch] == [0.1, 0.3, 0.4, 0.5]
        return here, ran

    here, ran = asyncio.run(_run())
    assert here == [[0.2], [POISON]]
    assert [one.answers for one in ran] == [(0.1,), (0.2,), (0.3, 0.4), (0.5,)]
