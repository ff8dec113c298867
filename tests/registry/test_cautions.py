import pytest
from pydantic import ValidationError

from registry.cautions import cautions
from registry.manifest import Decision, OperatingPoint

DECISION = Decision(
    threshold=0.8, target_fpr=0.01, calibration="platt", uncertain_from=0.4, min_words=3
)
BARE = Decision(threshold=0.8, target_fpr=None, calibration="none")


@pytest.mark.parametrize(
    ("text", "probability", "told"),
    [
        ("a b", 0.1, ["too_short"]),
        ("a b", 0.5, ["too_short", "uncertain"]),
        ("a b c", 0.39, []),
        ("a\u3000b\u2028c", 0.4, ["uncertain"]),
        ("a b c", 0.8, []),
    ],
)
def test_short_texts_and_uncertain_answers_are_told(
    text: str, probability: float, told: list[str]
) -> None:
    assert list(cautions(text, probability, DECISION.threshold, DECISION)) == told


def test_what_nobody_has_measured_is_not_warned_of() -> None:
    assert cautions("", 0.79, 0.8, BARE) == ()
    assert BARE.threshold_for(1) is None
    assert BARE.measured_rates == ()


def points(*pairs: tuple[float, float]) -> tuple[OperatingPoint, ...]:
    return tuple(OperatingPoint(max_false_positive_rate=r, threshold=t) for r, t in pairs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"operating_points": points((0.05, 0.6), (0.01, 0.9))},
        {"operating_points": points((0.01, 0.6), (0.05, 0.9))},
        {"operating_points": points((0.01, 0.9), (0.01, 0.9))},
        {"uncertain_from": 0.9},
        {"min_words": 0},
    ],
    ids=str,
)
def test_a_decision_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Decision.model_validate({**dict(BARE), **wrong})
