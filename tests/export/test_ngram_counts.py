"""Vectorizers of a user's own pipeline: counted exactly, or refused by step and option."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from export.errors import ConversionError
from export.golden_texts import golden_texts
from export.sklearn_text.sklearn_to_onnx import sklearn_to_onnx
from export.sklearn_text.token_patterns import WORDS, re2_pattern
from registry import norm1
from tests.export.test_hashed_ngrams import LABELS, TEXTS, assert_same_answers, probabilities

GOLDEN = [norm1(text) for text in golden_texts()]
TRAINING = [*TEXTS, *GOLDEN[:30]]
TRAINING_LABELS = [*LABELS, *([0, 1] * 15)]
PLAIN = {"token_pattern": "[^ ]+"}
LONG_WORDS = "[a-z0-9']{2,}"


def fitted(*steps: BaseEstimator) -> Pipeline:
    return make_pipeline(*steps).fit(TRAINING, TRAINING_LABELS)


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(**PLAIN),
        TfidfVectorizer(token_pattern=WORDS, ngram_range=(1, 3), lowercase=False),
        TfidfVectorizer(token_pattern=LONG_WORDS, ngram_range=(2, 2)),
        TfidfVectorizer(**PLAIN, sublinear_tf=True, norm="l1"),
        TfidfVectorizer(**PLAIN, binary=True, norm=None, use_idf=False),
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=500),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=2000),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 5)),
        CountVectorizer(**PLAIN, binary=True),
        CountVectorizer(analyzer="char_wb", ngram_range=(2, 3), dtype=np.float32),
    ],
    ids=repr,
)
def test_the_graph_gives_the_pipelines_probabilities(vectorizer: BaseEstimator) -> None:
    pipeline = fitted(vectorizer, LogisticRegression(C=10))
    assert np.ptp(pipeline.predict_proba(GOLDEN)[:, 1]) > 0.1
    assert_same_answers(pipeline, GOLDEN, atol=1e-5)


def test_steps_that_belong_together_convert_together() -> None:
    evidence = FeatureUnion(
        [
            ("words", make_pipeline(CountVectorizer(**PLAIN), TfidfTransformer(sublinear_tf=True))),
            ("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3))),
        ]
    )
    assert_same_answers(fitted(evidence, LogisticRegression()), GOLDEN, atol=1e-5)


@pytest.fixture(scope="module")
def within_words() -> tuple[Pipeline, bytes]:
    """A pipeline that counts n-grams of 3 and 4 characters within words, and its graph."""
    pipeline = fitted(CountVectorizer(analyzer="char_wb", ngram_range=(3, 4)), LogisticRegression())
    return pipeline, sklearn_to_onnx(pipeline, "test").SerializeToString()


@given(texts=st.lists(st.text(alphabet="ab c.é'", max_size=30), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_short_words_and_spaces_are_counted_as_scikit_learn_does(
    within_words: tuple[Pipeline, bytes], texts: list[str]
) -> None:
    pipeline, graph = within_words
    forms = [norm1(text) for text in texts]
    expected = pipeline.predict_proba(forms)[:, 1]
    np.testing.assert_allclose(probabilities(graph, forms), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("vectorizer", "message"),
    [
        (TfidfVectorizer(), r"step 'features': TfidfVectorizer\(token_pattern=.*WORDS"),
        (TfidfVectorizer(**PLAIN, stop_words=["the"]), "stop_words=.*keeps every word"),
        (TfidfVectorizer(**PLAIN, strip_accents="unicode"), "strip_accents='unicode'"),
        (TfidfVectorizer(token_pattern=None, tokenizer=str.split), "tokenizer=.*Python code"),
        (TfidfVectorizer(**PLAIN, preprocessor=str.strip), "preprocessor="),
        (CountVectorizer(analyzer=str.split), r"CountVectorizer\(analyzer="),
        (CountVectorizer(analyzer="char_wb"), "ngram_range=.*from 2 characters on"),
        (HashingVectorizer(), "HashingVectorizer has no exact graph; use TfidfVectorizer"),
    ],
)
def test_an_option_without_an_exact_graph_is_refused(
    vectorizer: BaseEstimator, message: str
) -> None:
    pipeline = Pipeline([("features", vectorizer), ("head", LogisticRegression())])
    with pytest.raises(ConversionError, match=message):
        sklearn_to_onnx(pipeline.fit(TRAINING, TRAINING_LABELS), "test")


@pytest.mark.parametrize(
    ("vectorizer", "option"),
    [
        (TfidfVectorizer(**PLAIN), "lowercase=True"),
        (TfidfVectorizer(analyzer="char", lowercase=False), "analyzer='char'"),
    ],
)
def test_what_only_norm1_makes_exact_is_refused_without_it(
    vectorizer: BaseEstimator, option: str
) -> None:
    pipeline = fitted(vectorizer, LogisticRegression())
    sklearn_to_onnx(pipeline, "test", normalizer="norm-1")
    with pytest.raises(ConversionError, match=option):
        sklearn_to_onnx(pipeline, "test", normalizer="identity")


def test_norm1_leaves_no_capitals_and_no_white_space_but_single_spaces() -> None:
    for start in range(0, sys.maxunicode, 4096):
        form = norm1("x".join(map(chr, range(start, start + 4096))))
        assert form == form.lower()
        assert form == " ".join(form.split())


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[a-z]+", r"[\x{61}-\x{7a}]+"),
        ("[^ ]{2,}", r"[^\x{20}]{2,}"),
        (r"(?u)\b\w\w+\b", None),
        ("[a-z ]+", None),
        ("[^a]{3,}", None),
        ("[a-z]+|[0-9]+", None),
        (r"[\w]+", None),
    ],
)
def test_only_runs_of_listed_characters_are_portable(pattern: str, expected: str | None) -> None:
    assert re2_pattern(pattern) == expected
