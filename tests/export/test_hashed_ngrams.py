import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.utils import murmurhash3_32

from export.errors import ConversionError
from export.golden_texts import golden_texts
from export.sklearn_text.hashed_ngrams import HashedNgramEncoder, ngram_rows, quantized, unit_hashes
from export.sklearn_text.sklearn_to_onnx import sklearn_to_onnx
from registry import norm1

HUMAN = ["we got soaked and the dog rolled in it", "nope, not again", "bus was late so i walked"]
AI = ["it is important to note that", "a testament to innovation", "delve into the rich tapestry"]
TEXTS = [f"{text} {n}" for n in range(6) for text in HUMAN + AI]
LABELS = [label for _ in range(6) for label in (0, 0, 0, 1, 1, 1)]


def probabilities(content: bytes, texts: list[str]) -> np.ndarray:
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["probability"], {"text": np.array(texts, dtype=object)})[0]


def assert_same_answers(pipeline: Pipeline, texts: list[str], atol: float = 1e-6) -> None:
    content = sklearn_to_onnx(pipeline, "test").SerializeToString()
    batched = probabilities(content, texts)
    alone = np.concatenate([probabilities(content, [text]) for text in texts])
    np.testing.assert_allclose(batched, pipeline.predict_proba(texts)[:, 1], atol=atol, rtol=0)
    np.testing.assert_allclose(batched, alone, atol=1e-6, rtol=0)


def test_a_units_hash_is_murmurhash3_of_its_utf8() -> None:
    expected = [murmurhash3_32(u.encode(), 0, positive=True) for u in (" ", "é", "🙂", " ")]
    assert unit_hashes("é🙂", "char").tolist() == expected


def test_words_are_runs_of_letters_and_single_other_characters() -> None:
    assert len(unit_hashes("don't stop-now été 日本 (x_1)!", "word")) == 12


def test_an_ngram_has_the_same_row_wherever_it_stands() -> None:
    abc, xabc = unit_hashes("abc", "word"), unit_hashes("x a b", "word")
    assert ngram_rows(xabc[1:], 2, 1000)[0] == ngram_rows(unit_hashes("a b", "word"), 2, 1000)[0]
    assert len(ngram_rows(abc, 2, 1000)) == 0


def test_orders_do_not_share_rows() -> None:
    hashes = unit_hashes("a b c d e f g h", "word")
    rows = [set(ngram_rows(hashes, order, 1 << 30)) for order in range(1, 8)]
    assert len(set.union(*rows)) == sum(map(len, rows))


@pytest.mark.parametrize("ngram_range", [(0, 1), (2, 1), (1, 8)])
def test_a_range_that_cannot_be_hashed_is_refused(ngram_range: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="ngram_range"):
        HashedNgramEncoder(ngram_range=ngram_range).fit(TEXTS, LABELS)


def test_fit_transform_is_cross_fitted() -> None:
    encoder = HashedNgramEncoder(n_buckets=1 << 12)
    labels = np.random.RandomState(0).permutation(LABELS)
    texts = [f"{text} {n}" for n, text in enumerate(TEXTS)]
    honest = encoder.fit_transform(texts, labels)
    remembered = encoder.transform(texts)
    assert abs(np.corrcoef(honest.sum(1), labels)[0, 1]) < 0.5
    assert np.corrcoef(remembered.sum(1), labels)[0, 1] > 0.9


def test_rounding_keeps_weights_within_half_a_step() -> None:
    weights = np.random.RandomState(0).normal(size=5000)
    rows, scale = quantized(weights)
    inside = np.abs(weights) <= 127 * scale
    assert np.abs(rows * scale - weights)[inside].max() <= scale / 2 + 1e-7


@pytest.mark.parametrize(
    "encoder",
    [
        HashedNgramEncoder("word", (1, 1), n_buckets=997),
        HashedNgramEncoder("word", (2, 3), n_buckets=1 << 10, saturation=3),
        HashedNgramEncoder("char", (1, 7), n_buckets=1 << 14, saturation=10),
        HashedNgramEncoder("char", (4, 4), n_buckets=1 << 12),
    ],
)
def test_the_graph_gives_the_pipelines_probabilities(encoder: HashedNgramEncoder) -> None:
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(TEXTS, LABELS)
    assert_same_answers(pipeline, [norm1(text) for text in golden_texts() if len(text) < 3000])


def test_a_users_own_pipeline_converts() -> None:
    evidence = FeatureUnion(
        [
            ("words", HashedNgramEncoder("word", (1, 2), n_buckets=1 << 12)),
            ("letters", HashedNgramEncoder("char", (2, 3), n_buckets=1 << 12)),
        ]
    )
    head = MLPClassifier((4,), solver="lbfgs", random_state=0)
    pipeline = Pipeline([("evidence", evidence), ("head", head)]).fit(TEXTS, LABELS)
    assert_same_answers(pipeline, TEXTS[:6])


def test_another_classifier_of_scikit_learn_converts() -> None:
    encoder = HashedNgramEncoder(n_buckets=1 << 12)
    assert_same_answers(make_pipeline(encoder, GaussianNB()).fit(TEXTS, LABELS), TEXTS[:6])


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_any_batch_of_texts_gives_what_each_gives_alone(texts: list[str]) -> None:
    encoder = HashedNgramEncoder("char", (2, 3), n_buckets=1 << 12)
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(TEXTS, LABELS)
    assert_same_answers(pipeline, [norm1(text) for text in texts])


class WordCount(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, texts: list[str], labels: object = None) -> "WordCount":
        self.fitted_ = True
        return self

    def transform(self, texts: list[str]) -> np.ndarray:
        return np.array([[len(text.split())] for text in texts], dtype=np.float32)


def test_a_step_that_skl2onnx_does_not_know_is_refused_by_name() -> None:
    pipeline = make_pipeline(WordCount(), LogisticRegression()).fit(TEXTS, LABELS)
    with pytest.raises(ConversionError, match="WordCount"):
        sklearn_to_onnx(pipeline, "test")
