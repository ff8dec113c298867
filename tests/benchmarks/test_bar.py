"""Verdicts: the median decides, and nothing that was not measured is met."""

import math

import pytest

from benchmarks.bar import Bar, State, ratios

AT_MOST = Bar("B", "a ratio", 0.8)
AT_LEAST = Bar("B", "a share", 0.9, at_least=True)


@pytest.mark.parametrize(
    ("bar", "values", "state"),
    [
        (AT_MOST, [0.8], State.MET),
        (AT_MOST, [0.81], State.NOT_MET),
        (AT_MOST, [0.7, 0.75, 9.0], State.MET),
        (AT_MOST, [0.1, 0.9, 0.9], State.NOT_MET),
        (AT_LEAST, [0.9], State.MET),
        (AT_LEAST, [0.89, 0.89, 2.0], State.NOT_MET),
        (AT_MOST, [math.nan], State.NOT_MET),
        (AT_LEAST, [math.nan], State.NOT_MET),
    ],
    ids=str,
)
def test_the_median_decides(bar: Bar, values: list[float], state: State) -> None:
    assert bar.judge(values).state is state


def test_what_was_not_measured_is_missing_and_says_why() -> None:
    verdict = AT_MOST.missing("pip cannot install it")
    shown = verdict.as_json()
    assert (shown["state"], shown["told"]) == ("missing", "pip cannot install it")
    assert "median" not in shown


def test_a_verdict_keeps_every_value_and_their_spread() -> None:
    shown = AT_MOST.judge([0.5, 0.9, 0.7]).as_json()
    assert shown["values"] == (0.5, 0.9, 0.7)
    assert (shown["min"], shown["median"], shown["max"]) == (0.5, 0.7, 0.9)


def test_a_ratio_is_that_of_the_same_round() -> None:
    assert ratios([2.0, 9.0], [4.0, 3.0]) == (0.5, 3.0)
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


def test_what_is_wanted_is_said_with_its_unit() -> None:
    assert Bar("B", "a time", 50, "ms").wanted == "≤ 50 ms"
    assert AT_LEAST.wanted == "≥ 0.9"
