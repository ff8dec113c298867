"""Two results: what changed, what noise explains, and what is not to be compared."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.compare import main
from benchmarks.comparison import Change, OtherEnvironmentError, compare
from benchmarks.measurement import Better
from benchmarks.results_file import write_results
from tests.benchmarks.results import HERE, latency, results


def noisy(median: float, seed: int, n: int = 40) -> list[float]:
    choose = random.Random(seed)
    return [median * choose.lognormvariate(0, 0.1) for _ in range(n)]


@pytest.mark.parametrize(
    ("before", "after", "better", "change"),
    [
        (noisy(10, 1), noisy(20, 2), Better.LOWER, Change.WORSE),
        (noisy(10, 1), noisy(20, 2), Better.HIGHER, Change.BETTER),
        (noisy(10, 1), noisy(5, 2), Better.LOWER, Change.BETTER),
        (noisy(10, 1), noisy(5, 2), Better.NEITHER, Change.OTHER),
        (noisy(10, 1), noisy(10, 2), Better.LOWER, Change.NOT_SIGNIFICANT),
        ([10.0] * 9, [10.1] * 9, Better.LOWER, Change.NOT_SIGNIFICANT),
        ([10.0], [20.0], Better.LOWER, Change.TOO_FEW),
        ([10.0], [10.0], Better.LOWER, Change.NOT_SIGNIFICANT),
        ([0.0] * 9, [1.0] * 9, Better.LOWER, Change.TOO_FEW),
    ],
)
def test_a_change_is_told_from_noise(
    before: list[float], after: list[float], better: Better, change: Change
) -> None:
    found = compare(results(latency(before, better=better)), results(latency(after, better=better)))
    (one,) = found.compared
    assert one.change is change


def test_places_along_an_axis_are_compared_with_their_own() -> None:
    before = results(latency([1.0], tokens=64), latency([2.0], tokens=128))
    after = results(latency([4.0], tokens=128), latency([9.0], tokens=512))
    found = compare(before, after)
    assert [(one.before.name, one.ratio) for one in found.compared] == [
        ("tiny: latency, tokens 128", 2.0)
    ]
    assert found.only_before == ("tiers: tiny: latency, tokens 64",)
    assert found.only_after == ("tiers: tiny: latency, tokens 512",)


def test_other_environments_are_refused_unless_forced() -> None:
    elsewhere = replace(HERE, cores=64, versions={"python": "3.12.1"})
    before, after = results(latency([1.0])), results(latency([2.0]), environment=elsewhere)
    with pytest.raises(OtherEnvironmentError) as raised:
        compare(before, after)
    assert raised.value.differences == (
        "cores: 2, 64",
        "onnxruntime: 1.32.0, none",
        "python: 3.11.7, 3.12.1",
    )
    assert compare(before, after, force=True).compared[0].ratio == 2.0


def test_another_artifact_of_the_same_name_is_another_environment() -> None:
    old, new = (
        replace(HERE, artifacts={"a@1": "x" * 64}),
        replace(HERE, artifacts={"a@1": "y" * 64}),
    )
    assert old.differences(new) == ("a@1: xxxxxxxxxxxx, yyyyyyyyyyyy",)
    assert old.differences(replace(HERE, artifacts={"b@1": "y" * 64})) == ()


def run(*arguments: object) -> tuple[int, str]:
    import typer

    app = typer.Typer()
    app.command()(main)
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return done.exit_code, done.output


def test_the_command_says_what_changed_and_refuses_in_words(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("old.json", "new.json", "other.json"))
    write_results(results(latency(noisy(10, 1))), old)
    write_results(results(latency(noisy(30, 2))), new)
    write_results(results(latency([1.0]), environment=replace(HERE, cores=64)), other)
    status, output = run(old, new)
    assert status == 0
    assert "tiny: latency" in output
    assert "1 compared: 1 worse" in output
    status, output = run(old, other)
    assert (status, "cores: 2, 64" in output, "--force" in output) == (1, True, True)
    assert run(old, other, "--force")[0] == 0
    status, output = run(old, tmp_path / "none.json")
    assert (status, "does not exist" in output) == (1, True)
    other.write_text('{"environment": 3}')
    status, output = run(old, other)
    assert (status, "is not a file of results" in output) == (1, True)
