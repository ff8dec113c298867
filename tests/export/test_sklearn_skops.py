"""A user's own scikit-learn pipeline, from a skops file to a published artifact."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from export.build import build
from export.errors import ExportError, RecipeError
from export.inference import TextPreparation
from export.passes.load import load
from export.passes.verify import GraphRun
from export.recipe import Recipe, read_recipe
from export.sklearn_text.hashed_ngrams import HashedNgramEncoder
from export.sources.sklearn import SklearnText
from registry import FileStore, norm1
from tests.export.test_hashed_ngrams import LABELS, TEXTS

RECIPE = """
model_id = "own-pipeline"
version = "1.0.0"
task = "ai-text-detection"
labels = ["human", "ai"]
[source]
kind = "sklearn"
weights = "{weights}"
reference = "test"
licence = "Apache-2.0"
attribution = "test"
{source}
[input]
normalizer = "norm-1"
[decision]
threshold = 0.5
[quantization]
scheme = "fp32"
bits = 32
"""
PORTABLE = "[^ ]+"


class Silent:
    def begin(self, model_id: str, step: str) -> None:
        pass


def own_pipeline(labels: list[object] | None = None) -> Pipeline:
    vectorizer = TfidfVectorizer(token_pattern=PORTABLE, ngram_range=(1, 2))
    return make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, labels or LABELS)


def write_recipe(folder: Path, weights: str = "pipeline.skops", source: str = "") -> Recipe:
    recipe = folder / "own-pipeline"
    (recipe / "recipe.toml").write_text(RECIPE.format(weights=weights, source=source))
    return read_recipe(recipe)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own-pipeline").mkdir()
    return tmp_path


def dump(value: object, folder: Path) -> None:
    skops.io.dump(value, folder / "own-pipeline" / "pipeline.skops")


def test_a_pipeline_becomes_an_artifact_that_gives_its_probabilities(folder: Path) -> None:
    pipeline = own_pipeline()
    dump(pipeline, folder)
    artifact = build(write_recipe(folder), FileStore(folder / "artifacts"), Silent())
    manifest = artifact.manifest
    assert manifest.parity.drift is not None
    assert manifest.parity.drift.max <= 1e-5
    assert manifest.runtime.browser.supported
    assert manifest.quality is None
    preparation = TextPreparation.of_artifact(artifact)
    run = GraphRun(artifact.path("model.onnx"))
    texts = ["We got SOAKED", "it is important\tto note that\u00a0the dog", ""]
    ours = preparation.probabilities(run, [preparation.prepare(text) for text in texts])
    expected = pipeline.predict_proba([norm1(text) for text in texts])[:, 1]
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("human", "ai", "source", "column"),
    [
        (0, 1, "", 1),
        (1, 0, "ai_label = 0", 0),
        ("human", "ai", "", 0),  # scikit-learn sorts classes
        ("a", "b", 'ai_label = "b"', 1),
        (2, 1, "ai_label = 1", 0),
    ],
)
def test_the_recipe_or_the_classes_say_what_is_ai(
    folder: Path, human: object, ai: object, source: str, column: int
) -> None:
    pipeline = own_pipeline([ai if label else human for label in LABELS])
    dump(pipeline, folder)
    loaded = load(write_recipe(folder, source=source)).source
    assert isinstance(loaded, SklearnText)
    assert loaded.ai_column == column
    answer = loaded.run({"text": np.array(["it is important to note"], dtype=object)})
    assert answer[0] > 0.5


def test_classes_that_do_not_say_it_are_refused(folder: Path) -> None:
    dump(own_pipeline(["b" if label else "a" for label in LABELS]), folder)
    with pytest.raises(RecipeError, match=r'unclear which of .* say `ai_label = "b"`'):
        load(write_recipe(folder))


def test_our_own_encoder_is_trusted(folder: Path) -> None:
    encoder = HashedNgramEncoder("char", (2, 3), n_buckets=1 << 10)
    dump(make_pipeline(encoder, LogisticRegression()).fit(TEXTS, LABELS), folder)
    assert load(write_recipe(folder)).source.input.kind == "text"


class Shouting(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, texts: list[str], labels: object = None) -> "Shouting":
        self.fitted_ = True
        return self

    def transform(self, texts: list[str]) -> list[str]:
        return [text.upper() for text in texts]


def test_a_type_that_is_not_trusted_is_refused_by_name(folder: Path) -> None:
    pipeline = make_pipeline(Shouting(), TfidfVectorizer(), LogisticRegression())
    dump(pipeline.fit(TEXTS, LABELS), folder)
    with pytest.raises(RecipeError, match=r"not trusted: .*Shouting"):
        load(write_recipe(folder))


@pytest.mark.parametrize("name", ["pipeline.pkl", "pipeline.joblib"])
def test_a_pickle_is_refused_unread(folder: Path, name: str) -> None:
    (folder / "own-pipeline" / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(RecipeError, match=r'no skops file.*skops\.io\.dump\(pipeline, "pipeline\.'):
        load(write_recipe(folder, weights=name))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was read",))


def test_a_damaged_file_is_refused(folder: Path) -> None:
    (folder / "own-pipeline" / "pipeline.skops").write_bytes(b"PK damaged")
    with pytest.raises(RecipeError, match="cannot be read as a skops file"):
        load(write_recipe(folder))


def test_a_pipeline_of_another_scikit_learn_is_refused(folder: Path) -> None:
    dump(own_pipeline(), folder)
    path = folder / "own-pipeline" / "pipeline.skops"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content.replace(sklearn.__version__.encode(), b"1.0.0"))
    with pytest.raises(RecipeError, match=r"fitted with this scikit-learn: .* 1\.0\.0"):
        load(write_recipe(folder))


def test_what_gives_no_probability_of_two_classes_is_refused(folder: Path) -> None:
    vectorizer = TfidfVectorizer(token_pattern=PORTABLE)
    dump(make_pipeline(vectorizer, LinearSVC()).fit(TEXTS, LABELS), folder)
    with pytest.raises(RecipeError, match="no Pipeline with predict_proba"):
        load(write_recipe(folder))
    three = ["x" if n < 2 else label for n, label in enumerate(LABELS)]
    dump(own_pipeline([str(label) for label in three]), folder)
    with pytest.raises(RecipeError, match="3 classes"):
        load(write_recipe(folder))


def test_a_step_that_has_no_exact_graph_stops_the_build(folder: Path) -> None:
    dump(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS), folder)
    store = FileStore(folder / "artifacts")
    with pytest.raises(ExportError, match=r"own-pipeline: pass to_onnx: step 'tfidfvectorizer'"):
        build(write_recipe(folder), store, Silent())
    assert store.artifacts() == ()
