"""Results as a run makes them, of figures that a test chooses."""

from collections.abc import Sequence

from benchmarks.bar import Bar, Verdict
from benchmarks.environment import Environment
from benchmarks.measurement import Better, Measurement, Missing, Results, SuiteResult

HERE = Environment("a CPU", 2, 24, "Linux x86_64", {"python": "3.11.7", "onnxruntime": "1.32.0"})


def latency(
    values: Sequence[float], subject: str = "tiny", better: Better = Better.LOWER, **at: float
) -> Measurement:
    return Measurement(
        subject=subject, quantity="latency", unit="ms", values=tuple(values), better=better, at=at
    )


def suite_result(
    *measurements: Measurement, name: str = "tiers", verdicts: tuple[Verdict, ...] = ()
) -> SuiteResult:
    return SuiteResult(
        suite=name,
        title="What each tier takes",
        began="2026-01-01T00:00:00+00:00",
        seconds=1.5,
        load=(0.1, 0.9),
        commit="abc",
        measurements=measurements,
        verdicts=verdicts,
        missing=(Missing(subject="Firefox", why="it is not installed"),),
    )


def results(*measurements: Measurement, environment: Environment = HERE) -> Results:
    verdicts = (Bar("B", "a ratio <b>", 0.8).judge([0.9]), Bar("C", "x", 1).missing("no GPU"))
    suite = suite_result(*measurements, verdicts=verdicts)
    return Results(environment=environment, suites=(suite,))
