from collections.abc import Iterable
from pathlib import Path

import pytest

from benchmarks.bar import State
from benchmarks.measurement import Finding, Measurement, Missing
from benchmarks.suites.scale import sizes
from benchmarks.suites.scale.fit import exponent_of, growth, linear_verdict
from benchmarks.suites.scale.models import copied, models
from benchmarks.suites.scale.sizes import Axis, along
from benchmarks.suites.scale.workers import workers
from benchmarks.suites.tiers.allowance import Allowance
from registry import Artifact, FileStore

AXIS = Axis(
    name="words",
    of="a text",
    path="/predict",
    sizes=(10, 100, 1000, 10**9),
    linear_from=10,
    bar="S1",
    body=lambda size: {"text": "word " * size, "prefer_backend": "local"},
    told="",
)


def measurements(found: Iterable[Finding]) -> list[Measurement]:
    return [one for one in found if isinstance(one, Measurement)]


def test_a_square_has_the_exponent_two() -> None:
    found = growth([1, 2, 4, 8], [3, 12, 48, 192])
    assert found is not None
    assert found.exponent == pytest.approx(2)
    assert found.half_width == pytest.approx(0, abs=1e-6)
    assert found.residual == pytest.approx(0, abs=1e-6)
    assert linear_verdict("S1", "time", "a", found).state is State.NOT_MET


def test_what_scatters_has_an_interval_around_what_it_scatters_about() -> None:
    found = growth([1, 10, 100, 1000], [1.2, 9, 110, 980])
    assert found is not None
    assert 0 < found.half_width < 0.3
    assert found.exponent == pytest.approx(1, abs=found.half_width)
    assert 0.05 < found.residual < 0.2
    assert "4 sizes from 1 to 1,000" in exponent_of("time against words", "a", found).told
    assert linear_verdict("S1", "time", "a", found).state is State.MET


def test_two_sizes_have_no_exponent() -> None:
    assert growth([1, 2], [1, 2]) is None
    assert linear_verdict("S1", "time", "a", None).state is State.MISSING


def test_a_size_is_expected_to_take_as_much_longer_as_it_is_larger() -> None:
    assert sizes._expected_s({}, 10) == 0
    assert sizes._expected_s({10: 1.0, 100: 3.0}, 1000) == 30


def test_copies_are_artifacts_of_their_own(tmp_path: Path, lexical_tiny: Artifact) -> None:
    copies = copied(lexical_tiny, FileStore(tmp_path), 2)
    assert len({copy.manifest.digest for copy in copies}) == 2
    assert len({copy.manifest.model_id for copy in copies}) == 2
    for copy in copies:
        copy.verify()


def test_a_server_is_measured_at_every_size_for_which_there_is_time(lexical_tiny: Artifact) -> None:
    found = list(along(AXIS, lexical_tiny, Allowance(0.0)))
    measured = measurements(found)
    times = [one.at["words"] for one in measured if one.quantity == "time of a text"]
    assert times == [10, 100, 1000]
    assert {one.quantity for one in measured} == {
        "time of a text",
        "CPU time of a text",
        "peak memory of a text",
        "exponent of CPU time against words",
        "exponent of time against words",
        "exponent of peak memory against words",
    }
    (missing,) = [one for one in found if isinstance(one, Missing)]
    assert "more than is left" in missing.why


def test_each_model_adds_to_what_a_server_holds(lexical_tiny: Artifact) -> None:
    found = measurements(models(lexical_tiny, 4, Allowance(60.0)))
    assert [one.at["models"] for one in found[:3]] == [1, 2, 4]
    assert [one.unit for one in found if one.quantity == "memory of one more model"] == ["MB"]


def test_two_workers_are_measured_together(lexical_tiny: Artifact) -> None:
    found = measurements(workers(lexical_tiny, "a text", Allowance(0.0), (2,)))
    assert [(one.quantity, one.at["workers"]) for one in found] == [
        ("throughput by workers", 2),
        ("memory of a server by workers", 2),
    ]
    assert found[0].n == 3
