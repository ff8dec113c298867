"""`python -m benchmarks.serving.sender`: a Plan on stdin, the answers on stdout."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import count, cycle
from time import perf_counter

import aiohttp
import uvloop

from benchmarks.serving.traffic import ANSWERS, Answer, Answers, Plan, Stream

TIMEOUT_S = 600
PROBLEM = "application/problem+json"


async def carry_out(plan: Plan) -> dict[str, Answers]:
    """Send all streams; those without an end stop when the others have theirs.

    All stop at SIGTERM.
    """
    connections = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connections, timeout=timeout) as session:
        senders = [_Sender(stream, session) for stream in plan.streams]
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _stop, senders)
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        ending = zip(tasks, plan.streams, strict=True)
        await asyncio.gather(*(task for task, stream in ending if not stream.is_endless))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {sender.stream.name: sender.answers() for sender in senders}


def _stop(senders: list["_Sender"]) -> None:
    for sender in senders:
        sender.stop()


class _Sender:
    def __init__(self, stream: Stream, session: aiohttp.ClientSession) -> None:
        self.stream = stream
        self._session = session
        self._items: list[Answer] = []
        self._stopped = False
        self._first = self._last = perf_counter()

    async def run(self) -> None:
        """Until the stream's end."""
        bodies = self._bodies()
        self._first = perf_counter()
        if self.stream.per_s is None:
            await asyncio.gather(*(self._caller(bodies) for _ in range(self.stream.callers)))
        else:
            async with asyncio.TaskGroup() as tasks:
                async for due, body in at_random_moments(bodies, self.stream.per_s):
                    tasks.create_task(self._ask(body, due))

    def stop(self) -> None:
        """Send nothing more; what has been sent is still answered."""
        self._stopped = True

    def answers(self) -> Answers:
        """What has come so far."""
        return Answers(items=tuple(self._items), seconds=self._last - self._first)

    def _bodies(self) -> Iterator[str | None]:
        given = cycle(self.stream.bodies or (None,))
        numbers = count() if self.stream.requests is None else range(self.stream.requests)
        until = perf_counter() + (self.stream.seconds or TIMEOUT_S)
        for _, body in zip(numbers, given, strict=False):
            if self._stopped or perf_counter() > until:
                return
            yield body

    async def _caller(self, bodies: Iterator[str | None]) -> None:
        for body in bodies:
            await self._ask(body, perf_counter())

    async def _ask(self, body: str | None, began: float) -> None:
        """`began` is when it was due: what it waits for here is a part of its time."""
        try:
            async with asyncio.timeout(self.stream.patience_s):
                status, code = await self._outcome(body)
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as exc:
            status, code = 0, type(exc).__name__
        self._last = perf_counter()
        milliseconds, second = (self._last - began) * 1e3, self._last - self._first
        self._items.append(
            Answer(status=status, milliseconds=milliseconds, code=code, second=second)
        )

    async def _outcome(self, body: str | None) -> tuple[int, str]:
        headers = {"Accept": self.stream.accept, "Content-Type": "application/json"}
        method = "GET" if body is None else "POST"
        async with self._session.request(
            method, self.stream.url, data=body, headers=headers
        ) as answer:
            if answer.content_type == PROBLEM:
                return answer.status, str((await answer.json(content_type=PROBLEM)).get("code"))
            async for _ in answer.content.iter_any():
                pass  # a stream of lines is not kept
            return answer.status, ""


async def at_random_moments(
    bodies: Iterator[str | None], per_s: float
) -> AsyncIterator[tuple[float, str | None]]:
    """A Poisson process: what many callers who know nothing of each other make.

    With the moment at which each is due, which may have passed already.
    """
    choose = random.Random(1)  # noqa: S311 (a fixed choice, not a secret)
    due = perf_counter()
    for body in bodies:
        due += choose.expovariate(per_s)
        await asyncio.sleep(max(0.0, due - perf_counter()))
        yield due, body


def main() -> None:
    """Read, send, write."""
    plan = Plan.model_validate_json(sys.stdin.buffer.read())
    answers = ANSWERS.dump_json(uvloop.run(carry_out(plan)))
    # Not sys.stdout: where PYTHONUNBUFFERED is set, that may write a part only.
    with open(sys.stdout.fileno(), "wb", closefd=False) as output:
        output.write(answers)


if __name__ == "__main__":
    main()
