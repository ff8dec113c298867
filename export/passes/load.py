"""load: the recipe's model in its own framework, which is the parity reference."""

from dataclasses import dataclass

from export.evaluation import Evaluation, read_evaluation
from export.inference import TextPreparation
from export.recipe import Recipe
from export.sources.loading import load_source
from export.sources.source import SourceModel
from export.tolerances import Tolerance, tolerance_for


@dataclass(frozen=True)
class LoadedModel:
    """A model and what training measured of it."""

    recipe: Recipe
    source: SourceModel
    evaluation: Evaluation

    @property
    def preparation(self) -> TextPreparation:
        """What happens to a text before the graph."""
        return TextPreparation.of(self.source.input, self.source.tokenizer_json)

    @property
    def tolerance(self) -> Tolerance:
        """What the recipe's quantization scheme allows."""
        text_in = self.source.input.kind == "text"
        return tolerance_for(self.recipe.quantization.scheme, text_in=text_in)


def load(recipe: Recipe) -> LoadedModel:
    """Read weights and evaluation. Raises RecipeError."""
    return LoadedModel(recipe, load_source(recipe), read_evaluation(recipe.folder))
