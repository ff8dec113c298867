"""What a page still holds after detectors were made, asked and disposed of."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suites.web.site import Site
from benchmarks.suites.web.subjects import Subject
from benchmarks.suites.web.visits import chromium

CYCLES = (1, 2, 5, 10, 25, 50, 100)


def memory(site: Site, subjects: Sequence[Subject], seconds: float) -> Iterator[Finding]:
    """After 1, 2, 5, … cycles. All subjects at once, each in its own browser: no clock decides."""

    def alone(subject: Subject) -> list[Finding]:
        return list(_cycled(site, subject, seconds))

    with ThreadPoolExecutor(max(1, len(subjects))) as pool:
        for found in pool.map(alone, subjects):
            yield from found


def _cycled(site: Site, subject: Subject, seconds: float) -> Iterator[Finding]:
    until, done, each = time.monotonic() + seconds, 0, 0.0
    with chromium(site) as browser, browser.page(subject) as page:
        for cycles in CYCLES:
            # The first one downloads, and says nothing of how long others take.
            if done > 1 and time.monotonic() + (cycles - done) * each > until:
                why = f"{cycles} take {cycles * each:.0f} s, of {seconds:.0f} s that there are"
                yield Missing(subject=f"{subject.name}, memory after {cycles} cycles", why=why)
                return
            began = time.monotonic()
            browser.cycle(page, subject, cycles - done)
            each, done = (time.monotonic() - began) / (cycles - done), cycles
            yield _measured(subject, cycles, browser.held_bytes(page))


def _measured(subject: Subject, cycles: int, held: int) -> Measurement:
    return Measurement(
        subject=subject.name,
        quantity="memory of the page",
        unit="MB",
        values=(held / 1e6,),
        at={"cycles": cycles},
        told="what its process shares with no other, after a collection of garbage",
    )
