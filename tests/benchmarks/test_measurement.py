"""Figures of a measurement: what is said, and what too few values cannot say."""

import math

import pytest
from pydantic import ValidationError

from benchmarks.bar import State
from benchmarks.measurement import MOST_VALUES, Results, thinned
from tests.benchmarks.results import latency, results, suite_result


def test_the_median_comes_with_its_interval_and_the_extremes() -> None:
    one = latency([float(value) for value in range(1, 102)])
    assert (one.median, one.least, one.n) == (51, 1, 101)
    assert one.interval is not None
    assert 40 < one.interval.low < 51 < one.interval.high < 62
    assert one.percentile(95) == pytest.approx(96)


def test_few_values_have_neither_an_interval_nor_high_percentiles() -> None:
    one = latency([1.0, 2.0, 3.0, 4.0])
    assert (one.interval, one.percentile(95), one.percentile(99)) == (None, None, None)
    assert latency([1.0] * 20).percentile(95) == 1.0
    assert latency([1.0] * 99).percentile(99) is None
    with pytest.raises(ValidationError):
        latency([])


def test_a_name_says_subject_quantity_and_place() -> None:
    assert latency([1.0], tokens=128).name == "tiny: latency, tokens 128"


def test_results_survive_the_disk_with_verdicts_and_what_has_no_number() -> None:
    kept = results(latency([1.0, 2.0]), latency([math.nan], subject="broken"))
    again = Results.model_validate_json(kept.model_dump_json())
    suite = again.suites[0]
    assert [one.state for one in suite.verdicts] == [State.NOT_MET, State.MISSING]
    assert suite.measurements[0] == kept.suites[0].measurements[0]
    assert math.isnan(suite.measurements[1].median)
    assert again.environment == kept.environment


def test_a_suite_takes_the_place_of_its_earlier_result() -> None:
    kept = results(latency([1.0])).with_suite(suite_result(name="web"))
    again = kept.with_suite(suite_result(latency([2.0])))
    assert [one.suite for one in again.suites] == ["web", "tiers"]
    found = again.suite("tiers")
    assert found is not None
    assert [one.median for one in found.find("latency")] == [2.0]
    assert again.suite("scale") is None


def test_many_samples_are_thinned_and_keep_their_extremes_and_median() -> None:
    few = thinned([float(value) for value in range(10_001)])
    assert (len(few), few[0], few[-1]) == (MOST_VALUES, 0, 10_000)
    assert latency(few).median == pytest.approx(5000, abs=30)
    assert thinned([2.0, 1.0]) == (2.0, 1.0)
