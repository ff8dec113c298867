import json
import shutil
from pathlib import Path

import pytest

from export.errors import RecipeError
from export.evaluation import read_evaluation
from export.passes.load import load
from export.provenance import source_digest
from export.recipe import RECIPES, catalogue, read_recipe

CARD_ONLY = ("n_train", "ai_share")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "lexical-tiny"
    shutil.copytree(RECIPES / "lexical-tiny", target)
    return target


def test_the_catalogue_is_read() -> None:
    assert "lexical-tiny" in [recipe.model_id for recipe in catalogue()]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('task = "ai-text-detection"', "", "task: Field required"),
        ('kind = "sklearn"', 'kind = "pickle"', "source: Input tag 'pickle'"),
        ("bits = 8", "bits = 8\nsurprise = 1", "surprise"),
        ('version = "', 'version = "one', "version"),
        ('model_id = "lexical-tiny"', 'model_id = "other"', "not the folder's name"),
        ('"weights.safetensors"', '"../weights.safetensors"', r"source\.sklearn\.weights"),
        ('"weights.safetensors"', '"missing.safetensors"', "is missing"),
        ("[input]", "[input", "is not TOML"),
    ],
)
def test_a_wrong_recipe_names_the_file_and_the_field(
    folder: Path, before: str, after: str, message: str
) -> None:
    path = folder / "recipe.toml"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(RecipeError, match=message):
        read_recipe(folder)


def test_a_missing_evaluation_says_what_to_do(folder: Path) -> None:
    (folder / "evaluation.json").unlink()
    with pytest.raises(RecipeError, match="train the recipe first"):
        read_evaluation(folder)


def test_a_chosen_threshold_stands_in_for_an_evaluation(folder: Path) -> None:
    (folder / "evaluation.json").unlink()
    with (folder / "recipe.toml").open("a") as file:
        file.write("[decision]\nthreshold = 0.25\n")
    loaded = load(read_recipe(folder))
    assert (loaded.decision.threshold, loaded.decision.target_fpr) == (0.25, None)
    assert loaded.quality is None


def test_two_thresholds_are_refused(folder: Path) -> None:
    with (folder / "recipe.toml").open("a") as file:
        file.write("[decision]\nthreshold = 0.25\n")
    with pytest.raises(RecipeError, match="remove one of the two"):
        load(read_recipe(folder))


def test_an_evaluation_needs_nothing_that_only_our_training_measures(folder: Path) -> None:
    whole = json.loads((folder / "evaluation.json").read_bytes())
    kept = {k: v for k, v in whole.items() if not isinstance(v, dict) and k not in CARD_ONLY}
    (folder / "evaluation.json").write_text(json.dumps(kept))
    quality = read_evaluation(folder).quality()
    assert (quality.auroc, quality.leave_one_domain_out_auroc) == (whole["auroc"], None)


def test_a_variant_is_a_recipe_of_its_own(folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_text(path.read_text() + '\n[variants.wide]\nscheme = "fp32"\nbits = 32\n')
    base, wide = catalogue(folder.parent)
    assert (base.model_id, wide.model_id) == ("lexical-tiny", "lexical-tiny+wide")
    assert (base.quantization.bits, wide.quantization.bits) == (8, 32)
    assert wide.weights == base.weights
    assert source_digest(wide) != source_digest(base)


DYNAMIC = 'scheme = "int8_dynamic"\nbits = 7\nactivation_bits = 8\nbatch_invariant = false\n'


def test_a_default_that_depends_on_the_batch_is_refused(folder: Path) -> None:
    path = folder / "recipe.toml"
    before, _, _ = path.read_text().partition("[quantization]")
    path.write_text(f"{before}[quantization]\n{DYNAMIC}")
    with pytest.raises(RecipeError, match="int8_dynamic is not batch-invariant"):
        catalogue(folder.parent)


def test_a_variant_may_depend_on_the_batch(folder: Path) -> None:
    path = folder / "recipe.toml"
    path.write_text(f"{path.read_text()}\n[variants.int8_dynamic]\n{DYNAMIC}")
    _, variant = catalogue(folder.parent)
    assert not variant.quantization.batch_invariant
