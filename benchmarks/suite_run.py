"""Suites, one after the other: each finding is told, and kept whatever ends the run."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.bar import Verdict
from benchmarks.measurement import Finding, Measurement, Missing, SuiteResult
from benchmarks.suites import Context, Suite

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Collected:
    """What a suite has found so far."""

    measurements: list[Measurement] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Where it belongs."""
        match finding:
            case Measurement():
                self.measurements.append(finding)
            case Verdict():
                self.verdicts.append(finding)
            case Missing():
                self.missing.append(finding)


def run_suite(suite: Suite, context: Context, told: Callable[[Finding], None]) -> SuiteResult:
    """Its findings, each told as soon as it is known. Ctrl-C ends it and keeps what there is.

    A suite that fails is a finding too: it is missing, and the exception says why.
    """
    collected, interrupted = Collected(), False
    began, started, load = datetime.now(UTC), perf_counter(), os.getloadavg()[0]
    try:
        for finding in _careful(suite, context):
            collected.add(finding)
            told(finding)
    except KeyboardInterrupt:
        interrupted = True
    return SuiteResult(
        suite=suite.name,
        title=suite.title,
        began=began.isoformat(timespec="seconds"),
        seconds=round(perf_counter() - started, 1),
        load=(round(load, 1), round(os.getloadavg()[0], 1)),
        commit=commit(),
        measurements=tuple(collected.measurements),
        verdicts=tuple(collected.verdicts),
        missing=tuple(collected.missing),
        interrupted=interrupted,
    )


def _careful(suite: Suite, context: Context) -> Iterator[Finding]:
    try:
        yield from suite.run(context)
    except Exception as exc:
        lines = str(exc).strip().splitlines() or [""]
        yield Missing(subject=suite.name, why=f"{type(exc).__name__}: {lines[-1]}")


def commit() -> str:
    """Of the working tree, `-dirty` where it differs; `unknown` without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
