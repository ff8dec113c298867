"""What a recipe has to say about an ensemble, read from the recipes of its members."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from export.drafting.draft import EnsembleTerms, Windows
from export.errors import RecipeError
from export.recipe import RECIPE_FILE, RECIPES, Recipe, read_recipe
from registry.manifest import Normalizer

FEWEST = 2


@dataclass(frozen=True)
class MemberRecipes:
    """The members' recipes, in the order that the user gave."""

    recipes: tuple[Recipe, ...]

    @classmethod
    def read(cls, model_ids: Sequence[str], folder: Path) -> Self:
        """From this folder of recipes, else from the catalogue.

        Raises:
            RecipeError: fewer than two, one is given twice, is nowhere, or cannot be a member.
        """
        if len(set(model_ids)) != len(model_ids) or len(model_ids) < FEWEST:
            raise RecipeError(f"an ensemble has two or more different members: {list(model_ids)}")
        return cls(tuple(_member(model_id, folder) for model_id in model_ids))

    @property
    def first(self) -> Recipe:
        """The one whose tokens windows are counted in."""
        return self.recipes[0]

    @property
    def normalizer(self) -> Normalizer:
        """The first member's."""
        return self.first.input.normalizer

    @property
    def windows(self) -> Windows:
        """The first member's."""
        window = self.first.input.window
        assert window is not None  # noqa: S101 (_member checks it)
        return Windows(self.first.max_tokens, window.tokens, window.stride, window.pooling)

    @property
    def attribution(self) -> str:
        """Of all members."""
        return "; ".join(dict.fromkeys(recipe.source.attribution for recipe in self.recipes))

    def terms(self, folder: Path) -> EnsembleTerms:
        """As seen from the ensemble's own folder."""
        return EnsembleTerms(
            {
                recipe.model_id.replace("-", "_").replace(".", "_"): os.path.relpath(
                    recipe.folder, folder
                )
                for recipe in self.recipes
            }
        )


def _has_several_models(recipe: Recipe) -> bool:
    if recipe.source.kind != "ensemble":
        return False
    # n-grams read what another member reads.
    return sum(member.kind != "token_ngrams" for member in recipe.source.members) > 1


def _member(model_id: str, folder: Path) -> Recipe:
    places = [place / model_id for place in dict.fromkeys((folder, RECIPES))]
    found = next((place for place in places if (place / RECIPE_FILE).is_file()), None)
    if found is None:
        raise RecipeError(
            f"there is no recipe of {model_id} in {' or '.join(str(p.parent) for p in places)}; "
            "`python -m export new` writes one"
        )
    recipe = read_recipe(found)
    if recipe.input.window is None:
        raise RecipeError(f"{model_id} reads text itself; members of an ensemble read tokens")
    if _has_several_models(recipe):
        raise RecipeError(f"{model_id} is an ensemble itself; name its members instead")
    return recipe
