"""Which CountVectorizer and TfidfVectorizer have a graph that counts exactly the same n-grams."""

from collections.abc import Callable, Iterator

from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from export.errors import ConversionError
from export.sklearn_text.token_patterns import re2_pattern

Rule = tuple[str, Callable[[CountVectorizer], bool], str]
_NORMALISED = "only texts in norm-1 have no other white space and no capitals"


def require_exact(pipeline: Pipeline, normalizer: str) -> None:
    """Refuse a vectorizer whose graph would count other n-grams.

    Args:
        pipeline: fitted.
        normalizer: that of the recipe, which texts go through before the pipeline.

    Raises:
        ConversionError: naming the step, the option, and what to use instead.
    """
    for name, step in _steps(pipeline, ""):
        if isinstance(step, HashingVectorizer):
            raise ConversionError(
                f"step {name!r}: HashingVectorizer has no exact graph; use TfidfVectorizer, or "
                "HashedNgramEncoder of export.sklearn_text.hashed_ngrams"
            )
        if isinstance(step, CountVectorizer):  # TfidfVectorizer is one
            _require_exact_counts(name, step, normalizer == "norm-1")


def _require_exact_counts(name: str, step: CountVectorizer, is_norm1: bool) -> None:
    for option, holds, instead in (*_ALWAYS, *(() if is_norm1 else _WITHOUT_NORM1)):
        if not holds(step):
            kind, value = type(step).__name__, getattr(step, option)
            raise ConversionError(f"step {name!r}: {kind}({option}={value!r}): {instead}")


def _has_portable_tokens(step: CountVectorizer) -> bool:
    return step.analyzer != "word" or re2_pattern(step.token_pattern) is not None


def _has_no_lone_spaces(step: CountVectorizer) -> bool:
    return bool(step.analyzer != "char_wb" or step.ngram_range[0] > 1)


_ALWAYS: tuple[Rule, ...] = (
    ("input", lambda step: step.input == "content", "texts come as content"),
    ("strip_accents", lambda step: step.strip_accents is None, "the graph keeps accents"),
    ("preprocessor", lambda step: step.preprocessor is None, "Python code is in no graph"),
    ("tokenizer", lambda step: step.tokenizer is None, "Python code is in no graph"),
    (
        "analyzer",
        lambda step: step.analyzer in ("word", "char", "char_wb"),
        'use "word", "char" or "char_wb"; Python code is in no graph',
    ),
    ("stop_words", lambda step: step.stop_words is None, "the graph keeps every word"),
    (
        "token_pattern",
        _has_portable_tokens,
        "regular expression engines read it differently; use one run of listed characters such "
        "as '[^ ]+' or '[a-z0-9]{2,}', or WORDS of export.sklearn_text.token_patterns",
    ),
    ("ngram_range", _has_no_lone_spaces, "char_wb converts from 2 characters on"),
)
_WITHOUT_NORM1: tuple[Rule, ...] = (
    ("lowercase", lambda step: not step.lowercase, _NORMALISED),
    ("analyzer", lambda step: step.analyzer == "word", _NORMALISED),
)


def _steps(estimator: object, path: str) -> Iterator[tuple[str, object]]:
    """Every step with its path, such as `features/words`."""
    if isinstance(estimator, Pipeline):
        inner = estimator.steps
    elif isinstance(estimator, FeatureUnion):
        inner = estimator.transformer_list
    else:
        yield path, estimator
        return
    for name, step in inner:
        yield from _steps(step, f"{path}/{name}" if path else name)
