"""`python -m export new`: from a checkpoint's folder to a recipe that can be built."""

import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from export.__main__ import app
from export.drafting.draft import ClassifierTerms, Draft, Scheme, Windows
from export.drafting.write import write_recipe
from export.errors import RecipeError
from export.quantization.schemes import SCHEMES
from export.recipe import EncoderSource, EnsembleSource, RecipeMember, catalogue, read_recipe
from export.sources.loading import load_source
from registry.manifest import QuantizationScheme
from tests.export.checkpoints import POSITIONS, write_checkpoint

DRAFT = Draft(
    model_id="drafted",
    version="1.0.0",
    terms=ClassifierTerms(base="./checkpoint", revision="main", ai_label=None),
    reference="test",
    licence="MIT",
    attribution="test",
    normalizer="identity",
    windows=Windows(max_tokens=64, tokens=62, stride=62, pooling="mean_logit"),
    threshold=0.5,
    scheme=Scheme.FP32,
    variants=(),
)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint("roberta", folder / "clear")
    write_checkpoint("bert", folder / "unclear", id2label={0: "LABEL_0", 1: "LABEL_1"})
    return folder


def new(recipes: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments, "--recipes", str(recipes)])


def test_a_checkpoint_and_a_licence_are_enough(checkpoints: Path, tmp_path: Path) -> None:
    base = checkpoints / "clear"
    arguments = ("own", "--base", str(base), "--licence", "MIT", "--variant", "int8_token")
    result = new(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    assert f"python -m export build own --recipes {tmp_path}" in result.stdout
    recipe = read_recipe(tmp_path / "own")
    assert isinstance(recipe.source, EncoderSource)
    assert (recipe.folder / recipe.source.base).resolve() == base
    assert not os.path.isabs(recipe.source.base)
    assert (recipe.source.ai_label, recipe.source.reference) == (None, "clear")
    assert recipe.input.max_tokens == POSITIONS
    assert recipe.input.window is not None
    assert (recipe.input.window.tokens, recipe.input.window.stride) == (POSITIONS - 2,) * 2
    assert [r.model_id for r in recipe.with_variants()] == ["own", "own+int8_token"]


def test_the_label_of_ai_is_asked_for_where_the_checkpoint_does_not_say(
    checkpoints: Path, tmp_path: Path
) -> None:
    arguments = ("own", "--base", str(checkpoints / "unclear"), "--licence", "MIT")
    result = new(tmp_path, *arguments)
    assert result.exit_code == 2
    assert "--ai-label is missing" in result.output
    assert list(tmp_path.iterdir()) == []
    result = new(tmp_path, *arguments, "--ai-label", "AI")
    assert "'AI' is no label of the checkpoint: LABEL_0 or LABEL_1" in result.output
    assert new(tmp_path, *arguments, "--ai-label", "LABEL_1").exit_code == 0
    source = read_recipe(tmp_path / "own").source
    assert isinstance(source, EncoderSource)
    assert source.ai_label == "LABEL_1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "MODEL_ID is missing"),
        (("Own Model",), "is no model id such as my-detector"),
        (("own",), "--base is missing"),
        (("own", "--base", "./nothing", "--licence", "MIT"), "there is no folder"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = new(tmp_path, *arguments)
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"
    assert list(tmp_path.iterdir()) == []


def test_windows_that_the_checkpoint_cannot_read_are_refused(
    checkpoints: Path, tmp_path: Path
) -> None:
    arguments = ("own", "--base", str(checkpoints / "clear"), "--licence", "MIT", "--max-tokens")
    result = new(tmp_path, *arguments, str(POSITIONS + 1))
    assert f"reads at most {POSITIONS} ids" in result.output
    result = new(tmp_path, *arguments, "2")
    assert "leave none beside the special tokens" in result.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_recipe(DRAFT, tmp_path)
    (tmp_path / "drafted" / "recipe.toml").write_text("mine")
    with pytest.raises(RecipeError, match="drafted exists"):
        write_recipe(DRAFT, tmp_path)
    assert (tmp_path / "drafted" / "recipe.toml").read_text() == "mine"


def test_what_is_no_recipe_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="version"):
        write_recipe(Draft(**{**vars(DRAFT), "version": "first"}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_string_survives_toml(tmp_path: Path) -> None:
    hostile = 'a "quote" \\ back\nslash\t\x7f\x00\u2028 é 🙂 """ # [table]'
    recipe = write_recipe(Draft(**{**vars(DRAFT), "attribution": hostile}), tmp_path)
    assert recipe.source.attribution == hostile
    content = (tmp_path / "drafted" / "recipe.toml").read_text("utf-8")
    assert tomllib.loads(content)["source"]["revision"] == "main"


def test_every_scheme_can_be_drafted_but_the_one_that_depends_on_the_batch() -> None:
    drafted = {scheme.quantization.scheme for scheme in Scheme}
    assert set(SCHEMES) - drafted == {QuantizationScheme.INT8_DYNAMIC}


def test_a_checkpoint_and_models_of_the_catalogue_make_an_ensemble(
    checkpoints: Path, tmp_path: Path
) -> None:
    new(tmp_path, "own", "--base", str(checkpoints / "clear"), "--licence", "MIT")
    members = ("--member", "own", "--member", "minilm-small")
    result = new(tmp_path, "ensemble-large", *members, "--licence", "MIT")
    assert result.exit_code == 0, result.output
    recipe = next(r for r in catalogue(tmp_path) if r.model_id == "ensemble-large")
    assert isinstance(recipe.source, EnsembleSource)
    assert all(isinstance(member, RecipeMember) for member in recipe.source.members)
    assert recipe.input == read_recipe(tmp_path / "own").input
    spec = load_source(recipe).input
    assert [other.name for other in spec.companions] == ["minilm_small"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--member", "minilm-small"), "two or more different members"),
        (("--member", "minilm-small", "--member", "nowhere"), "there is no recipe of nowhere"),
        (("--member", "minilm-small", "--member", "lexical-tiny"), "reads text itself"),
        (("--member", "minilm-small", "--member", "fusion-medium"), "is an ensemble itself"),
        (("--member", "minilm-small", "--base", "x"), "--base is the members' own"),
    ],
)
def test_members_that_make_no_ensemble_are_named(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = new(tmp_path, "together", *arguments, "--licence", "MIT")
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"
    assert list(tmp_path.iterdir()) == []
