"""A user's own fitted pipeline from skops' format, which runs no code when it is read."""

import warnings
from pathlib import Path

from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline
from skops import io
from skops.io.exceptions import UntrustedTypesFoundException

from export.errors import RecipeError

SUFFIX = ".skops"
# Beyond scikit-learn's, NumPy's and SciPy's own, which skops knows to be harmless.
TRUSTED = ("export.sklearn_text.hashed_ngrams.HashedNgramEncoder",)


def load_pipeline(path: Path) -> Pipeline:
    """The Pipeline that `skops.io.dump` wrote.

    Raises:
        RecipeError: it is another format, holds types that are not trusted, is not a Pipeline of
            texts to two classes, or was fitted with another scikit-learn.
    """
    _require_skops(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            pipeline = io.load(path, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as exc:
        raise RecipeError(f"{path} holds types that are not trusted: {exc}") from exc
    except InconsistentVersionWarning as exc:
        raise RecipeError(f"{path} must be fitted with this scikit-learn: {exc}") from exc
    except Exception as exc:  # a damaged file fails anywhere in skops
        raise RecipeError(f"{path} cannot be read as a skops file: {exc!r}") from exc
    if not isinstance(pipeline, Pipeline) or not hasattr(pipeline, "predict_proba"):
        raise RecipeError(f"{path} holds no Pipeline with predict_proba")
    if len(pipeline.classes_) != 2:
        raise RecipeError(f"{path} tells {len(pipeline.classes_)} classes apart, a detector two")
    return pipeline


def _require_skops(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise RecipeError(
            f"{path.name} is no skops file. A pickle or joblib file can run any code when it is "
            f'read: write the pipeline with `skops.io.dump(pipeline, "{path.stem}{SUFFIX}")`'
        )
