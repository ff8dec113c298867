"""load: the recipe's weights as the source framework's own model, which is the parity reference."""

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from export.evaluation import Evaluation, read_evaluation
from export.lexical import load_weights
from export.recipe import Recipe
from registry import norm1


@dataclass(frozen=True)
class LoadedModel:
    """A fitted pipeline and what training measured of it."""

    recipe: Recipe
    pipeline: Pipeline
    evaluation: Evaluation

    @property
    def reference(self) -> str:
        """The framework whose probabilities are the reference, with its version."""
        return f"scikit-learn {version('scikit-learn')}"

    def normalized(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """The texts as the graph is fed with them."""
        return tuple(map(norm1, texts)) if self.recipe.input.normalizer == "norm-1" else texts

    def probabilities(self, normalized: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """The reference: P(AI) of normalised texts, float64[N]."""
        scores: npt.NDArray[np.float64] = self.pipeline.predict_proba(list(normalized))[:, 1]
        return scores


def load(recipe: Recipe) -> LoadedModel:
    """Read weights and evaluation. Raises RecipeError."""
    return LoadedModel(recipe, load_weights(recipe.weights), read_evaluation(recipe.folder))
