"""Where a model runs."""

import subprocess
from contextlib import AbstractContextManager
from typing import Final, Protocol

import httpx
import psutil
from playwright.sync_api import Error as PlaywrightError

from benchmarks.serving.bench import UnexpectedAnswerError
from registry import Artifact


class PlaceError(Exception):
    """A place cannot be opened, or did not answer in time."""


# What may go wrong in one place without anything being wrong with the others.
FAILURES: Final = (
    PlaceError,
    UnexpectedAnswerError,
    PlaywrightError,
    httpx.HTTPError,
    OSError,
    RuntimeError,
    psutil.Error,
    subprocess.SubprocessError,
)


class Running(Protocol):
    """A model that has answered its first text, `first_ms` after nothing of it was there."""

    @property
    def first_ms(self) -> float:
        """Milliseconds of the cold start."""
        ...

    def ask(self, text: str, times: int) -> list[float]:
        """Milliseconds of that many answers, one after the other."""
        ...

    def crowd(self, text: str, callers: int, texts: int) -> list[float]:
        """Answers a second, of so many texts by so many callers at a time; part by part."""
        ...

    def memory_mb(self) -> float:
        """What it holds now, in 10^6 bytes."""
        ...


class Place(Protocol):
    """One kind of place; `told` is what one must know to read its figures."""

    @property
    def name(self) -> str:
        """As in `Chromium`."""
        ...

    @property
    def told(self) -> str:
        """What its cold start begins with, and what its memory is of."""
        ...

    def missing(self) -> str | None:
        """Why there is no such place on this machine; None where there is."""
        ...

    def why_not(self, artifact: Artifact) -> str | None:
        """Why it cannot run this artifact; None where it can."""
        ...

    def download_bytes(self, artifact: Artifact) -> int | None:
        """Bytes that must come before the first answer; None where nothing is downloaded."""
        ...

    def open(
        self, artifact: Artifact, text: str, within_s: float
    ) -> AbstractContextManager[Running]:
        """Cold, until it has answered `text`. Raises one of FAILURES."""
        ...
