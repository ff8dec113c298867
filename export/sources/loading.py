"""Chooses the source by the recipe's kind."""

from export.recipe import CausalLMSource, EncoderSource, EnsembleSource, Recipe, SklearnSource
from export.sources.source import SourceModel


def load_source(recipe: Recipe) -> SourceModel:
    """The recipe's model in its own framework. Raises RecipeError."""
    # Imported here: a text pipeline must build where torch is not installed.
    match recipe.source:
        case SklearnSource() as source:
            from export.sources.sklearn import SklearnText

            return SklearnText.load(recipe, source)
        case EncoderSource(weights=None) as source:
            from export.sources.classifier_checkpoint import ClassifierCheckpoint

            return ClassifierCheckpoint.load(recipe, source)
        case EncoderSource() as source:
            from export.sources.encoder import Encoder

            return Encoder.load(recipe, source)
        case CausalLMSource() as source:
            from export.sources.causal_lm import CausalLMScorer

            return CausalLMScorer.load(recipe, source)
        case EnsembleSource() as source:
            from export.sources.ensemble import Ensemble

            return Ensemble.load(recipe, source)
