"""What bad input does to who sends it, and to those whose texts come at the same time."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx

from benchmarks.bar import Bar
from benchmarks.measurement import Better, Finding, Measurement
from benchmarks.peers.dialect import Dialect
from benchmarks.suites.server.field import HEADERS, OURS, Field, Subject
from benchmarks.suites.server.line_up import SAME

RIGHT_BAR = Bar("bad input", "right answers beside and after bad input", 1, at_least=True)
STATUS_BAR = Bar("bad input: status", "bad inputs that are answered 5xx, or not at all", 0)
# Sent at the same time, so that they may share a batch with it.
BESIDE = 8
PATIENCE_S = 10.0
MEGABYTE = "word " * 200_000
# A half of a pair, which JSON can write and UTF-8 cannot.
SURROGATE = "half a \ud83d pair"
KINDS = ("1 MB of text", "empty body", "half a JSON", "lone surrogate", "null")


@dataclass(frozen=True)
class Outcome:
    """`status` of the bad input (0: none in time), and how many of the good ones were right."""

    kind: str
    status: int
    right: int
    sent: int


def bad_body(kind: str, dialect: Dialect) -> str:
    """In the server's own form, as far as it has one."""
    texts: Mapping[str, object] = {
        "1 MB of text": MEGABYTE,
        "lone surrogate": SURROGATE,
        "null": None,
    }
    if kind in texts:
        return dialect.body(texts[kind])
    return "" if kind == "empty body" else '{"text": '


def bad_input(field: Field, subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Each kind to each subject."""
    for subject in subjects:
        field.tell(f"bad input to {subject.title}")
        with subject.awake():
            outcomes = [asyncio.run(_outcome(subject, kind, field.texts)) for kind in KINDS]
        yield from (_measured(subject, one) for one in outcomes)
        if subject.title == OURS:
            told = ", ".join(f"{one.kind} {one.status}" for one in outcomes)
            yield RIGHT_BAR.judge([min(one.right / one.sent for one in outcomes)], told)
            yield STATUS_BAR.judge([sum(not 200 <= one.status < 500 for one in outcomes)], told)


def _measured(subject: Subject, outcome: Outcome) -> Measurement:
    return Measurement(
        subject=subject.title,
        quantity="right answers beside and after bad input",
        unit="x",
        values=(outcome.right / outcome.sent,),
        at={"input": outcome.kind},
        better=Better.HIGHER,
        told=f"the bad one: {outcome.status or 'no answer'}",
    )


async def _outcome(subject: Subject, kind: str, texts: Sequence[str]) -> Outcome:
    async with _client() as client:
        bad = asyncio.create_task(_status(client, subject.url, bad_body(kind, subject.dialect)))
        beside = [_is_right(client, subject, text) for text in texts[:BESIDE]]
        right = sum(await asyncio.gather(*beside))
        status = await bad
    # By another connection: a server may close those on which it has failed.
    async with _client() as client:
        right += await _is_right(client, subject, texts[BESIDE])
    return Outcome(kind, status, right, BESIDE + 1)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=PATIENCE_S, headers=HEADERS)


async def _status(client: httpx.AsyncClient, url: str, body: str) -> int:
    try:
        return (await client.post(url, content=body)).status_code
    except httpx.HTTPError:
        return 0


async def _is_right(client: httpx.AsyncClient, subject: Subject, text: str) -> bool:
    try:
        answer = await client.post(subject.url, content=subject.dialect.body(text))
    except httpx.HTTPError:
        return False
    return subject.difference(text, answer) <= SAME
