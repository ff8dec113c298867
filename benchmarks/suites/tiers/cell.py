"""One model in one place: all that is measured of it in the time that it gets."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measurement import Better, Finding, Measurement, Missing
from benchmarks.suites.tiers.allowance import Allowance, repetitions
from benchmarks.suites.tiers.expected import (
    COLD,
    EXPECTED_TOKENS,
    WARM,
    bar_of,
    subject,
    verdicts,
)
from benchmarks.suites.tiers.place import FAILURES, Place, Running
from benchmarks.suites.tiers.texts import SizedText
from registry import Artifact

THROUGHPUT: Final = "throughput"
MEMORY: Final = "memory"
DOWNLOAD: Final = "download"
CALLERS: Final = (1, 4, 16)
MOST_TIMES: Final = 30
MOST_STARTS: Final = 5
MOST_TEXTS: Final = 500
# Of a cell's time: all texts, all numbers of callers; starts get what is left.
FOR_TEXTS: Final = 0.5
FOR_CALLERS: Final = 0.35
# Of it, however long the start takes.
LEAST_ASKING: Final = 0.4
# What takes less is asked once, whatever the time.
FREE_S: Final = 0.5
# Opening and closing a place, of opening it.
CLOSING: Final = 1.3


@dataclass(frozen=True)
class Cell:
    """`texts` by length; the first one is also that of the cold start."""

    artifact: Artifact
    place: Place
    texts: Sequence[SizedText]

    @property
    def subject(self) -> str:
        """As in `minilm-small, Chromium`."""
        return subject(self.artifact, self.place.name)

    def findings(self, seconds: float, patience_s: float) -> Iterator[Finding]:
        """Measurements, what is missing, and the verdict last.

        `seconds` are for all of it, `patience_s` is the longest wait for a first answer.
        """
        impossible = self.place.why_not(self.artifact)
        if impossible is not None:
            yield Missing(subject=self.subject, why=impossible)
            return
        found: list[Measurement] = []
        why = f"the time was over before {EXPECTED_TOKENS} tokens"
        try:
            for one in self._measured(Allowance(seconds), patience_s):
                if isinstance(one, Measurement):
                    found.append(one)
                yield one
        except FAILURES as exc:
            why = _told(exc)
            yield Missing(subject=self.subject, why=why)
        yield from verdicts(self.artifact, self.place.name, found, why)

    def _measured(self, whole: Allowance, patience_s: float) -> Iterator[Finding]:
        first, seconds = self.texts[0].text, whole.left_s
        with self.place.open(self.artifact, first, patience_s) as running:
            starts, opening_s = [running.first_ms], seconds - whole.left_s
            # A slow start is part of the finding, and no reason to find nothing else.
            allowance = Allowance(max(whole.left_s, seconds * LEAST_ASKING))
            known: dict[int, float] = {}
            for_texts = allowance.part(FOR_TEXTS)
            for number, text in enumerate(self._in_order()):
                share = for_texts.left_s / (len(self.texts) - number)
                expected_ms = _expected_ms(text, known)
                most_s = max(allowance.left_s, self._least_s(text, patience_s))
                yield self._warm(running, text, expected_ms, share, most_s, known)
            yield from self._crowds(running, allowance, known)
            yield self._measurement(MEMORY, "MB", (running.memory_mb(),), self.place.told)
        yield self._measurement(COLD, "ms", self._starts(starts, opening_s, whole), self.place.told)
        size = self.place.download_bytes(self.artifact)
        if size is not None:
            told = "scripts, WebAssembly and JSON compressed by gzip, the graph as it is"
            yield self._measurement(DOWNLOAD, "MB", (size / 1e6,), told)

    def _least_s(self, text: SizedText, patience_s: float) -> float:
        """What may be spent on one answer at least: more where a verdict hangs on it."""
        judged = text.tokens == EXPECTED_TOKENS and bar_of(self.artifact, self.place.name)
        return patience_s if judged else FREE_S

    def _in_order(self) -> list[SizedText]:
        """The one that is expected something of is among the first."""
        short, rest = self.texts[:1], self.texts[1:]
        return [*short, *sorted(rest, key=lambda text: text.tokens != EXPECTED_TOKENS)]

    def _warm(
        self,
        running: Running,
        text: SizedText,
        expected_ms: float,
        share_s: float,
        most_s: float,
        known: dict[int, float],
    ) -> Finding:
        if expected_ms / 1e3 > most_s:
            return self._over(f"{WARM} of {text.tokens} tokens", expected_ms)
        (once,) = running.ask(text.text, 1)
        times = repetitions(once / 1e3, share_s - once / 1e3, MOST_TIMES)
        # The first of a length takes memory that later ones find there.
        values = running.ask(text.text, times) if times else [once]
        known[text.tokens] = min(values)
        return self._measurement(WARM, "ms", values, text.told, {"tokens": text.tokens})

    def _crowds(
        self, running: Running, allowance: Allowance, known: Mapping[int, float]
    ) -> Iterator[Finding]:
        text = next((one for one in self.texts if one.tokens == EXPECTED_TOKENS), self.texts[0])
        one_s = _expected_ms(text, known) / 1e3
        for_callers = allowance.part(FOR_CALLERS / (1 - FOR_TEXTS))
        for number, callers in enumerate(CALLERS):
            share_s = for_callers.left_s / (len(CALLERS) - number)
            if callers * one_s > max(allowance.left_s, FREE_S):
                yield self._over(f"{THROUGHPUT} of {callers} callers", callers * one_s * 1e3)
                continue
            texts = max(callers, repetitions(one_s, share_s, MOST_TEXTS))
            values = running.crowd(text.text, callers, texts)
            told = f"{texts} texts of {text.tokens} tokens; {text.told}"
            yield self._measurement(THROUGHPUT, "/s", values, told, {"callers": callers})

    def _starts(self, first: list[float], opening_s: float, allowance: Allowance) -> list[float]:
        """More of them, as long as there is time for opening the place, which takes longer."""
        starts, text = list(first), self.texts[0].text
        while len(starts) < MOST_STARTS and allowance.left_s > opening_s * CLOSING:
            with self.place.open(self.artifact, text, allowance.left_s) as running:
                starts.append(running.first_ms)
        return starts

    def _measurement(
        self,
        quantity: str,
        unit: str,
        values: Sequence[float],
        told: str,
        at: Mapping[str, float] | None = None,
    ) -> Measurement:
        return Measurement(
            subject=self.subject,
            quantity=quantity,
            unit=unit,
            values=tuple(values),
            at=at or {},
            better=Better.HIGHER if quantity == THROUGHPUT else Better.LOWER,
            told=told,
        )

    def _over(self, what: str, expected_ms: float) -> Missing:
        why = f"{what}: about {expected_ms / 1e3:.0f} s each, more than the time that is left"
        return Missing(subject=self.subject, why=why)


def _expected_ms(text: SizedText, known: Mapping[int, float]) -> float:
    """From the nearest text so far, as if time grew with the tokens; 0 where there is none."""
    if not known:
        return 0.0
    nearest = min(known, key=lambda tokens: abs(math.log(tokens / text.tokens)))
    return known[nearest] * max(1.0, text.tokens / nearest)


def _told(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
