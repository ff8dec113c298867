"""Requests, sent by a process of its own, so that making them is not counted as serving."""

import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stream(_Value):
    """Requests of one kind to one address: POSTs of `bodies` in turn, GETs where there are none.

    `callers` at a time, each sending its next request when it has its answer; or, with `per_s`, so
    many a second at random moments, whatever the answers do. It ends after `requests`, or after
    `seconds`, or with neither when the other streams have. A caller hangs up after `patience_s`.
    """

    name: str
    url: str
    bodies: tuple[str, ...] = ()
    accept: str = "application/json"
    callers: int = 1
    per_s: float | None = None
    requests: int | None = None
    seconds: float | None = None
    patience_s: float | None = None

    @property
    def is_endless(self) -> bool:
        """Whether it goes on as long as the others do."""
        return self.requests is None and self.seconds is None


class Plan(_Value):
    """Streams that are sent at the same time."""

    streams: tuple[Stream, ...]

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if all(stream.is_endless for stream in self.streams):
            raise ValueError("one stream must end")
        return self


class Answer(_Value):
    """One answer: its status (0 where there was none), and the time until its last byte.

    The time counts from the moment at which the request was due. `code` is the problem's, or why
    there was no answer; `second` when it was there, from the first request on.
    """

    status: int
    milliseconds: float
    code: str = ""
    second: float = 0.0


class Answers(_Value):
    """All answers of a stream, and the seconds from its first request to its last answer."""

    items: tuple[Answer, ...]
    seconds: float

    def milliseconds(self, status: int = 200) -> list[float]:
        """Of the answers with this status."""
        return [item.milliseconds for item in self.items if item.status == status]

    def count(self, status: int) -> int:
        """How many answers have this status."""
        return len(self.milliseconds(status))

    @property
    def sent(self) -> int:
        """Requests, answered or not."""
        return len(self.items)

    def failures(self) -> Mapping[str, int]:
        """How many requests had which other end: a status with its code, or an error's name."""
        ends = (f"{item.status or ''} {item.code}" for item in self.items if item.status != 200)
        return Counter(end.strip() for end in ends)

    def percentile(self, percent: int, status: int = 200) -> float:
        """Milliseconds; NaN where fewer than two answers have this status."""
        found = self.milliseconds(status)
        if len(found) < 2:
            return float("nan")
        return statistics.quantiles(found, n=100, method="inclusive")[percent - 1]


ANSWERS = TypeAdapter(dict[str, Answers])
SENDER = (sys.executable, "-m", "benchmarks.serving.sender")
LONGEST_S = 600.0


def send(*streams: Stream) -> Mapping[str, Answers]:
    """The answers by the streams' names. Raises CalledProcessError."""
    plan = Plan(streams=streams)
    done = subprocess.run(
        SENDER, input=plan.model_dump_json().encode(), stdout=subprocess.PIPE, check=True
    )
    return ANSWERS.validate_json(done.stdout)


class Sending:
    """Streams that are sent until they are stopped."""

    def __init__(self, *streams: Stream, authority: Path) -> None:
        """`authority` is a file of certificates to trust, for addresses of https."""
        longest = (stream.model_copy(update={"seconds": LONGEST_S}) for stream in streams)
        self._process = subprocess.Popen(
            SENDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "SSL_CERT_FILE": str(authority)},
        )
        if self._process.stdin is not None:
            self._process.stdin.write(Plan(streams=tuple(longest)).model_dump_json().encode())
            self._process.stdin.close()
            self._process.stdin = None

    def stop(self) -> Mapping[str, Answers]:
        """Send nothing more; the answers to all that was sent. Raises CalledProcessError."""
        self._process.terminate()
        return self.wait()

    def wait(self) -> Mapping[str, Answers]:
        """The answers, once all streams have ended. Raises CalledProcessError."""
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise subprocess.CalledProcessError(self._process.returncode, SENDER)
        return ANSWERS.validate_json(output)
