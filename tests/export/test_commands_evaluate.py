"""`python -m export evaluate`: from labelled texts to the threshold and quality of a manifest."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner, Result

from export.__main__ import app
from export.errors import DatasetError
from export.passes.load import load
from export.recipe import read_recipe
from tests.export import test_encoder_kinds, test_sklearn_skops
from tests.export.checkpoints import write_checkpoint
from tests.export.test_hashed_ngrams import AI, HUMAN
from tests.export.test_sklearn_skops import own_pipeline

TEXTS = [f"{start}, said {name}" for start in (*HUMAN, *AI) for name in ("ann", "bob", "cy")]
LABELS = [0] * 9 + [1] * 9


def evaluate(recipe: Path, data: Path, *arguments: str) -> Result:
    named = ["evaluate", recipe.name, str(data), "--recipes", str(recipe.parent), *arguments]
    return CliRunner().invoke(app, named)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = ({"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True))
    path = tmp_path / "held-out.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    folder = tmp_path / "own-pipeline"
    folder.mkdir()
    skops.io.dump(own_pipeline(), folder / "pipeline.skops")
    return test_sklearn_skops.write_recipe(tmp_path).folder


def test_what_is_measured_becomes_the_manifests_threshold_and_quality(
    recipe: Path, data: Path
) -> None:
    result = evaluate(recipe, data, "--target-fpr", "0.25")
    assert result.exit_code == 0, result.output
    assert "remove [decision]" in result.stdout
    text = (recipe / "recipe.toml").read_text()
    (recipe / "recipe.toml").write_text(text.replace("[decision]\nthreshold = 0.5\n", ""))
    loaded = load(read_recipe(recipe))
    prepared = [loaded.preparation.prepare(text) for text in TEXTS]
    probabilities = loaded.preparation.probabilities(loaded.source.run, prepared)
    assert loaded.quality is not None
    assert loaded.quality.n == len(TEXTS)
    assert loaded.quality.auroc == pytest.approx(roc_auc_score(LABELS, probabilities), abs=1e-4)
    assert loaded.quality.dataset.startswith("held-out.jsonl (sha256 ")
    flagged = probabilities >= loaded.decision.threshold
    assert loaded.decision.target_fpr == 0.25
    assert loaded.quality.fpr_at_threshold == pytest.approx(flagged[:9].mean(), abs=1e-4)
    assert loaded.quality.tpr_at_threshold == pytest.approx(flagged[9:].mean(), abs=1e-4)
    assert flagged[:9].mean() <= 0.25


def test_a_models_windows_are_evaluated_in_the_order_of_the_texts(
    tmp_path: Path, data: Path
) -> None:
    write_checkpoint("bert", tmp_path / "checkpoint")
    recipe = test_encoder_kinds.write_recipe(tmp_path)
    loaded = load(recipe)
    prepared = [loaded.preparation.prepare(text) for text in TEXTS]
    alone = loaded.preparation.probabilities(loaded.source.run, prepared, batch=1)
    result = evaluate(recipe.folder, data, "--json")
    assert json.loads(result.stdout)["auroc"] == pytest.approx(
        roc_auc_score(LABELS, np.round(alone, 5)), abs=1e-4
    )


def test_an_evaluation_is_replaced_only_where_it_is_asked_for(recipe: Path, data: Path) -> None:
    (recipe / "evaluation.json").write_text("mine")
    assert "--force" in evaluate(recipe, data).output
    assert (recipe / "evaluation.json").read_text() == "mine"
    assert evaluate(recipe, data, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": 1}\n{"text": "b"}', "line 2: label"),
        ('{"text": "a", "label": 1}', "both labels"),
        ("[]", "line 1"),
    ],
)
def test_data_that_cannot_be_used_is_named(
    recipe: Path, tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)
    result = evaluate(recipe, path)
    assert isinstance(result.exception, DatasetError)
    assert message in str(result.exception)
    missing = evaluate(recipe, tmp_path / "missing.jsonl")
    assert "cannot be read" in str(missing.exception)
    assert not (recipe / "evaluation.json").exists()
