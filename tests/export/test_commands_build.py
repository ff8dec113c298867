"""`python -m export build`: what it decides, its workers, and what it says."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.build import PASSES
from export.jobs.messages import Failed, Outcome
from export.jobs.plan import member_artifacts, plan
from export.jobs.pool import run_builds
from export.jobs.record import BuildRecord, PassCost, read_record
from export.jobs.selection import of_trait, select
from export.recipe import RECIPES, catalogue
from registry import FileStore, NotFoundError

ENSEMBLE = """
model_id = "{name}"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
[source]
kind = "ensemble"
reference = "test"
licence = "Apache-2.0"
attribution = "test"
members = [
  {{kind = "artifact", name = "first", artifact = "{member}"}},
  {{kind = "artifact", name = "second", artifact = "{member}"}},
]
[input]
normalizer = "norm-1"
max_tokens = 64
window = {{tokens = 62, stride = 40, pooling = "mean_logit"}}
[decision]
threshold = 0.5
[quantization]
scheme = "fp32"
bits = 32
"""
COMMAND = (sys.executable, "-m", "export")
HUNGRY = PassCost(name="verify", seconds=1, peak_rss_bytes=1_600_000_000)


def copy_recipe(recipes: Path, model_id: str) -> Path:
    folder = recipes / model_id
    shutil.copytree(RECIPES / "lexical-tiny", folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("lexical-tiny", model_id))
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with recipes and artifacts, and what the build printed of the one it built."""
    folder = tmp_path_factory.mktemp("built")
    copy_recipe(folder / "recipes", "one")
    broken = copy_recipe(folder / "recipes", "broken")
    (broken / "weights.safetensors").write_bytes(b"not safetensors")
    completed = subprocess.run(
        [*COMMAND, "build", *options(folder), "--jobs", "2", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1
    assert "error broken: pass load: " in completed.stderr
    assert "one: check_browser (" in completed.stderr
    one, failed = json.loads(completed.stdout)
    assert failed["model_id"] == "broken"
    return folder, one


@pytest.fixture
def own(tmp_path: Path, built: tuple[Path, object]) -> Path:
    """A copy of `built` without the broken recipe."""
    shutil.copytree(built[0], tmp_path / "own")
    shutil.rmtree(tmp_path / "own" / "recipes" / "broken")
    return tmp_path / "own"


def options(folder: Path) -> list[str]:
    return ["--recipes", str(folder / "recipes"), "--root", str(folder / "artifacts")]


def planned(folder: Path, *arguments: str) -> dict[str, str | None]:
    result = CliRunner().invoke(
        app, ["build", *options(folder), "--dry-run", "--json", *arguments], catch_exceptions=False
    )
    return {row["model_id"]: row["reason"] for row in json.loads(result.stdout)}


def test_one_that_fails_does_not_keep_the_other_from_being_built(
    built: tuple[Path, dict[str, object]],
) -> None:
    folder, one = built
    store = FileStore(folder / "artifacts")
    assert [artifact.manifest.model_id for artifact in store.artifacts()] == ["one"]
    assert one["built"] is True
    assert one["reason"] == "not built yet"
    assert "one" in (folder / "artifacts" / "report.html").read_text("utf-8")


def test_the_record_of_a_build_has_the_cost_of_each_pass(
    built: tuple[Path, dict[str, object]],
) -> None:
    folder, one = built
    artifact = FileStore(folder / "artifacts").resolve("one")
    record = read_record(folder / "artifacts", artifact.manifest)
    assert record is not None
    assert tuple(cost.name for cost in record.passes) == ("start", *PASSES)
    assert one["peak_rss_bytes"] == record.peak_rss_bytes > 50_000_000
    assert record.parameters > 1_000_000
    assert not record.is_over_bound
    assert {path.name for path in artifact.folder.iterdir()} == {
        "manifest.json",
        *(file.path for file in artifact.manifest.files),
    }


def test_a_build_that_holds_more_than_its_weights_explain_is_over_the_bound() -> None:
    record = BuildRecord(
        digest="0" * 64, passes=(HUNGRY,), parameters=8_000_000, inputs={}, machine="test"
    )
    assert record.memory_bound_bytes == 3 * 4 * 8_000_000 + 1_500_000_000
    assert record.is_over_bound
    assert not record.model_copy(update={"parameters": 9_000_000}).is_over_bound


def test_a_dry_run_says_what_changed(own: Path) -> None:
    assert planned(own) == {"one": None}
    assert planned(own, "--force") == {"one": "forced"}
    assert planned(own, "--external-data") == {"one": "external_data: False → True"}
    copy_recipe(own / "recipes", "two")
    recipe, weights = (own / "recipes" / "one" / n for n in ("recipe.toml", "weights.safetensors"))
    recipe.write_text(recipe.read_text() + "# a comment\n")
    assert planned(own) == {"one": "recipe changed: recipe.toml", "two": "not built yet"}
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert planned(own, "one") == {"one": "recipe changed: recipe.toml and 1 more"}


def built_one(own: Path) -> Path:
    """The folder of the one version that there is."""
    return FileStore(own / "artifacts").resolve("one").folder


def test_a_damaged_artifact_is_to_be_built_again(own: Path) -> None:
    (built_one(own) / "golden.jsonl").write_bytes(b"")
    reason = planned(own)["one"] or ""
    assert reason.startswith("damaged: ")
    assert "golden.jsonl has 0 bytes" in reason


def ensemble(recipes: Path, model_id: str, member: Path) -> None:
    (recipes / model_id).mkdir()
    (recipes / model_id / "recipe.toml").write_text(ENSEMBLE.format(name=model_id, member=member))


def test_an_ensemble_is_built_after_its_members(own: Path) -> None:
    artifacts = own / "artifacts"
    ensemble(own / "recipes", "all", built_one(own))
    recipes = catalogue(own / "recipes")
    assert [recipe.model_id for recipe in recipes] == ["all", "one"]
    assert member_artifacts(recipes[0], artifacts) == {"one"}
    assert member_artifacts(recipes[0], own / "other") == frozenset()
    assert list(planned(own)) == ["one", "all"]
    outcomes = list(run_builds(recipes, artifacts, jobs=2, watcher=Killer()))
    assert [outcome.model_id for outcome in outcomes] == ["one", "all"]


class Killer:
    """A watcher that kills the worker as soon as a pass begins."""

    def begun(self, model_id: str, step: str) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    def holds(self, model_id: str, resident: int | None) -> None:
        pass

    def ended(self, outcome: Outcome) -> None:
        pass


def test_a_worker_that_is_killed_fails_its_build_by_model_pass_and_signal(own: Path) -> None:
    recipes = catalogue(own / "recipes")
    (outcome,) = run_builds(recipes, own / "new", jobs=1, watcher=Killer())
    assert isinstance(outcome, Failed)
    assert outcome.error.startswith("one: pass load: its process ended with signal 9 (SIGKILL)")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing_and_says_one_line(
    own: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "build", *options(own), "--force"],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("one: load")
    before = (built_one(own) / "manifest.json").read_bytes()
    process.send_signal(sent)
    output, said = process.communicate()
    assert process.returncode == 130
    assert output == ""
    assert said.splitlines()[-1].startswith("interrupted: ")
    assert not any(line.startswith(("Traceback", "built")) for line in said.splitlines())
    assert list(scratch.glob("samegraph-*")) == []
    assert list((own / "artifacts").glob(".staging-*")) == []
    assert (built_one(own) / "manifest.json").read_bytes() == before


def test_recipes_are_chosen_by_pattern_kind_and_scheme() -> None:
    recipes = catalogue()
    assert {recipe.model_id for recipe in select(recipes, ["lexical-*"])} == {"lexical-tiny"}
    assert all(recipe.source.kind == "sklearn" for recipe in of_trait(recipes, ["sklearn"]))
    assert of_trait(recipes, []) == select(recipes, []) == recipes


def test_what_matches_nothing_is_refused_with_what_there_is() -> None:
    with pytest.raises(NotFoundError, match=r"no recipe nothing; there is .*lexical-tiny"):
        select(catalogue(), ["nothing"])
    with pytest.raises(NotFoundError, match=r"no recipe is nothing; there is .*sklearn"):
        of_trait(catalogue(), ["nothing"])


def test_what_takes_longest_is_built_first(tmp_path: Path) -> None:
    planned = plan(catalogue(RECIPES), FileStore(tmp_path))
    kinds = [build.recipe.source.kind for build in planned]
    assert list(dict.fromkeys(kinds)) == ["causal_lm", "ensemble", "sklearn"]
