"""load: the recipe's model in its own framework, which is the parity reference."""

from dataclasses import dataclass

from export.evaluation import Evaluation, evaluation_of
from export.inference import TextPreparation
from export.recipe import Recipe
from export.sources.loading import load_source
from export.sources.source import SourceModel
from export.tolerances import Tolerance, tolerance_for
from registry.manifest import Decision, Quality


@dataclass(frozen=True)
class LoadedModel:
    """A model and what was measured of it; `evaluation` is null where nothing was."""

    recipe: Recipe
    source: SourceModel
    evaluation: Evaluation | None

    @property
    def preparation(self) -> TextPreparation:
        """What happens to a text before the graph."""
        return TextPreparation.of(self.source.input, self.source.tokenizers)

    @property
    def decision(self) -> Decision:
        """The measured threshold, or the one that the recipe chooses."""
        if self.evaluation is not None:
            return self.evaluation.decision()
        assert self.recipe.decision is not None  # noqa: S101 (evaluation_of checks it)
        return Decision(
            threshold=self.recipe.decision.threshold,
            target_fpr=None,
            calibration=self.recipe.calibration,
        )

    @property
    def quality(self) -> Quality | None:
        """The manifest's evidence; null where the model is not evaluated."""
        return None if self.evaluation is None else self.evaluation.quality()

    @property
    def tolerance(self) -> Tolerance:
        """What the recipe's quantization scheme allows."""
        text_in = self.source.input.kind == "text"
        return tolerance_for(self.recipe.quantization, text_in=text_in)


def load(recipe: Recipe) -> LoadedModel:
    """Read weights and evaluation. Raises RecipeError."""
    return LoadedModel(recipe, load_source(recipe), evaluation_of(recipe))
