"""An evaluation of a recipe's model on labelled texts that it was not trained on."""

import dataclasses

from export.evaluation import Evaluation
from export.inference import Float64s, TextPreparation
from export.recipe import Recipe
from export.sources.loading import load_source
from export.training.dataset import LabelledTexts
from export.training.metrics import score, threshold_for_fpr


def evaluate_recipe(recipe: Recipe, test: LabelledTexts, target_fpr: float) -> Evaluation:
    """Scores at the lowest threshold that flags at most `target_fpr` of the human texts.

    In the source's own framework: a build allows no drift from it that would matter here.

    Raises:
        RecipeError: the model cannot be loaded.
    """
    probabilities = _probabilities(recipe, test)
    threshold = threshold_for_fpr(probabilities[test.labels == 0], target_fpr)
    return Evaluation(
        dataset=test.name,
        dataset_sha256=test.sha256,
        threshold=threshold,
        target_fpr=target_fpr,
        calibration=recipe.calibration,
        **dataclasses.asdict(score(probabilities, test.labels, threshold)),
    ).rounded()


def _probabilities(recipe: Recipe, test: LabelledTexts) -> Float64s:
    source = load_source(recipe)
    preparation = TextPreparation.of(source.input, source.tokenizers)
    prepared = [preparation.prepare(text) for text in test.texts]
    return preparation.probabilities_by_length(source.run, prepared)
