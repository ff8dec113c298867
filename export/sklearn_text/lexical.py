"""lexical-tiny: the scikit-learn pipeline, and its weights as safetensors (never pickle)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import StandardScaler

from export.errors import RecipeError
from export.sklearn_text.hashed_ngrams import HashedNgramEncoder, Split
from registry.whole_file import write_whole

_ENCODERS = ("words", "characters")


def lexical_pipeline(
    cross_fit: int | Sequence[Split] = 3, teacher: Mapping[str, float] | None = None
) -> Pipeline:
    """The unfitted pipeline: evidence of words and characters, then a calibrated logistic head.

    The head sees cross-fitted evidence, so its sigmoid is a Platt calibration over the n-gram
    orders (Platt, "Probabilistic outputs for support vector machines", 1999). The head learns
    labels, and with a `teacher` the encoders learn what it says of the texts that it knows.
    """
    words = HashedNgramEncoder(
        "word", (1, 2), saturation=400, regularisation=10.0, cv=cross_fit, teacher=teacher
    )
    characters = HashedNgramEncoder(
        "char", (3, 5), saturation=2000, regularisation=1.0, cv=cross_fit, teacher=teacher
    )
    evidence = FeatureUnion([("words", words), ("characters", characters)])
    return Pipeline(
        [("evidence", evidence), ("scale", StandardScaler()), ("head", LogisticRegression())]
    )


def save_weights(pipeline: Pipeline, path: Path) -> None:
    """Write a fitted `lexical_pipeline` as safetensors; the same weights give the same bytes."""
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name in _ENCODERS:
        encoder = _encoder(pipeline, name)
        tensors[f"{name}.table"] = encoder.table_
        tensors[f"{name}.scale"] = np.array([encoder.scale_], dtype=np.float32)
        tensors[f"{name}.saturation"] = np.array([encoder.saturation], dtype=np.int64)
        tensors[f"{name}.ngram_range"] = np.array(encoder.ngram_range, dtype=np.int64)
    tensors["scale.mean"] = pipeline["scale"].mean_
    tensors["scale.variance"] = pipeline["scale"].var_
    tensors["head.coefficients"] = pipeline["head"].coef_
    tensors["head.intercept"] = pipeline["head"].intercept_
    write_whole(path, save(tensors))


def load_weights(path: Path) -> Pipeline:
    """The fitted pipeline that `save_weights` wrote. Raises RecipeError."""
    try:
        return _fitted(load_file(path))
    except (SafetensorError, OSError, KeyError) as exc:
        raise RecipeError(f"{path} does not hold the weights of a lexical model: {exc!r}") from exc


def _encoder(pipeline: Pipeline, name: str) -> HashedNgramEncoder:
    encoder: HashedNgramEncoder = pipeline["evidence"].named_transformers[name]
    return encoder


def _fitted(tensors: dict[str, npt.NDArray[Any]]) -> Pipeline:
    pipeline = lexical_pipeline()
    for name in _ENCODERS:
        encoder = _encoder(pipeline, name)
        low, high = tensors[f"{name}.ngram_range"]
        encoder.ngram_range = (int(low), int(high))
        encoder.saturation = int(tensors[f"{name}.saturation"][0])
        encoder.table_ = tensors[f"{name}.table"]
        encoder.n_buckets = len(encoder.table_)
        encoder.scale_ = tensors[f"{name}.scale"][0]
    scale, head = pipeline["scale"], pipeline["head"]
    scale.mean_, scale.var_ = tensors["scale.mean"], tensors["scale.variance"]
    scale.scale_, scale.n_features_in_ = np.sqrt(scale.var_), len(scale.mean_)
    head.coef_, head.intercept_ = tensors["head.coefficients"], tensors["head.intercept"]
    head.classes_, head.n_features_in_ = np.array([0, 1]), len(scale.mean_)
    return pipeline
