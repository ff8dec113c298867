"""A run of suites: what is found is kept, whatever ends it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.bar import Bar
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suite_run import commit, run_suite
from benchmarks.suites import LONGEST_S, SUITES, Context, Suite
from tests.benchmarks.results import latency

CONTEXT = Context(artifacts=(), peers=None, budget_s=1, tell=print)
Run = Callable[[Context], Iterator[Finding]]


@pytest.fixture
def suite_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], Suite]:
    def made(run: Run) -> Suite:
        module = ModuleType("benchmarks.suites.made")
        module.run = run
        monkeypatch.setitem(sys.modules, "benchmarks.suites.made", module)
        return Suite("made", "Made", 1)

    return made


def test_findings_are_sorted_by_kind_and_told_as_they_come(
    suite_of: Callable[[Run], Suite],
) -> None:
    findings = [
        latency([1.0]),
        Bar("B", "claim", 1).judge([2.0]),
        Missing(subject="x", why="y"),
        latency([2.0], subject="other"),
    ]
    told: list[Finding] = []
    result = run_suite(suite_of(lambda _: iter(findings)), CONTEXT, told.append)
    assert told == findings
    assert [len(result.measurements), len(result.verdicts), len(result.missing)] == [2, 1, 1]
    assert not result.interrupted
    assert result.commit == commit() != "unknown"


def test_a_suite_that_fails_keeps_what_it_found_and_says_why(
    suite_of: Callable[[Run], Suite],
) -> None:
    def run(context: Context) -> Iterator[Finding]:
        yield latency([1.0])
        raise RuntimeError("first line\nthe server ended")

    result = run_suite(suite_of(run), CONTEXT, lambda _: None)
    assert len(result.measurements) == 1
    assert result.missing == (Missing(subject="made", why="RuntimeError: the server ended"),)


def test_ctrl_c_keeps_what_was_found(suite_of: Callable[[Run], Suite]) -> None:
    def run(context: Context) -> Iterator[Finding]:
        yield latency([1.0])
        raise KeyboardInterrupt

    result = run_suite(suite_of(run), CONTEXT, lambda _: None)
    assert result.interrupted
    assert [type(one) for one in result.measurements] == [Measurement]


def test_every_suite_is_there_and_all_of_them_fit_into_twenty_minutes() -> None:
    folder = Path(sys.modules["benchmarks.suites"].__file__ or "").parent
    there = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}
    assert {one.name for one in SUITES} == there
    assert sum(one.budget_s for one in SUITES) <= LONGEST_S
