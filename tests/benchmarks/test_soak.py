"""What grows under a steady load."""

import pytest

from benchmarks.serving.soak import Look, percent_per_hour


@pytest.mark.parametrize(("grown", "per_hour"), [(0, 0), (1, 36.0)])
def test_growth_is_counted_by_the_hour(grown: int, per_hour: float) -> None:
    # 0.1 % of 10 MB in ten seconds, over a minute.
    looks = [Look(s, 10_000_000 + grown * 1_000 * s, files=7) for s in range(0, 61, 2)]
    assert percent_per_hour(looks) == pytest.approx(per_hour, rel=0.01)


def test_a_step_up_and_down_is_no_growth() -> None:
    looks = [Look(s, 10_000_000 + 5_000_000 * (20 <= s <= 40), files=7) for s in range(61)]
    assert percent_per_hour(looks) == pytest.approx(0, abs=0.1)
