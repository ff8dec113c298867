"""SIGTERM while requests are under way: which are still answered, and how the server ends."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.bar import Bar
from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.serving.usage import tree
from benchmarks.suites.server.field import HEADERS, OURS, Field, Subject
from benchmarks.suites.server.line_up import SAME

LOST_BAR = Bar("SIGTERM", "requests under way at SIGTERM that were not answered rightly", 0)
EXIT_BAR = Bar("SIGTERM: exit", "exit code after SIGTERM", 0)
UNDER_WAY = 64
PATIENCE_S = 12.0
# For the server to read what was sent.
READ_S = 0.1
SENT = "http11.send_request_body.complete"
# A container is killed after ten by most who run them.
LONGEST_S = 12.0


@dataclass(frozen=True)
class Ending:
    """`code` is None, and `seconds` the longest, where it did not end by itself."""

    right: int
    under_way: int
    seconds: float
    code: int | None


def sigterm(field: Field, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """The end of every subject."""
    for subject in subjects:
        field.tell(f"SIGTERM to {subject.title}")
        subject.wake()
        ending = asyncio.run(_ending(subject, field.texts))
        if not ending.under_way:
            yield Missing(subject=f"{subject.title}: SIGTERM", why="no request was under way")
            continue
        yield from _findings(subject, ending)
        if subject.title == OURS:
            yield LOST_BAR.judge([ending.under_way - ending.right], f"of {ending.under_way}")
            yield EXIT_BAR.judge([float("nan") if ending.code is None else ending.code])


def _findings(subject: Subject, ending: Ending) -> Iterator[Measurement]:
    yield Measurement(
        subject=subject.title,
        quantity="answered of what was under way at SIGTERM",
        unit="x",
        values=(ending.right / ending.under_way,),
        better=Better.HIGHER,
        told=f"{ending.under_way} were sent and not yet answered",
    )
    told = "did not end, and was killed" if ending.code is None else f"exit code {ending.code}"
    yield Measurement(
        subject=subject.title,
        quantity="from SIGTERM to the end of all its processes",
        unit="s",
        values=(ending.seconds,),
        told=told,
    )


async def _ending(subject: Subject, texts: Sequence[str]) -> Ending:
    limits, sent = httpx.Limits(max_connections=UNDER_WAY), asyncio.Semaphore(0)
    async with httpx.AsyncClient(timeout=PATIENCE_S, headers=HEADERS, limits=limits) as client:
        chosen = [texts[number % len(texts)] for number in range(UNDER_WAY)]
        asked = [asyncio.create_task(_is_right(client, subject, text, sent)) for text in chosen]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for _ in asked:
                    await sent.acquire()
                await asyncio.sleep(READ_S)
        under_way = [one for one in asked if not one.done()]
        ending = asyncio.create_task(asyncio.to_thread(_terminated, subject.program.pid))
        right = sum(await asyncio.gather(*under_way))
        seconds, code = await ending
    return Ending(right, len(under_way), seconds, code)


async def _is_right(
    client: httpx.AsyncClient, subject: Subject, text: str, sent: asyncio.Semaphore
) -> bool:
    async def trace(event: str, _: object) -> None:
        if event == SENT:
            sent.release()

    body = subject.dialect.body(text)
    try:
        answer = await client.post(subject.url, content=body, extensions={"trace": trace})
    except httpx.HTTPError:
        return False
    return subject.difference(text, answer) <= SAME


def _terminated(pid: int) -> tuple[float, int | None]:
    """Seconds until nothing of it is left, and its exit code."""
    processes = list(tree(pid))
    began = time.perf_counter()
    os.kill(pid, signal.SIGTERM)
    gone, left = psutil.wait_procs(processes, timeout=LONGEST_S)
    seconds = time.perf_counter() - began
    for one in left:
        one.kill()
    psutil.wait_procs(left, timeout=LONGEST_S)
    code = None if left else next(one.returncode for one in gone if one.pid == pid)
    return seconds, code
