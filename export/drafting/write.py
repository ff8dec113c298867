"""Writes a drafted recipe into its folder, and reads it back."""

import shutil
from pathlib import Path

from export.drafting.draft import Draft
from export.errors import RecipeError
from export.recipe import RECIPE_FILE, Recipe, read_recipe


def write_recipe(draft: Draft, recipes: Path) -> Recipe:
    """Write `recipes/<model_id>/recipe.toml`.

    Raises:
        RecipeError: the folder exists, or what would be written is no recipe; nothing is left.
    """
    folder = recipes / draft.model_id
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise RecipeError(f"{folder} exists; choose another model id, or edit it") from None
    try:
        (folder / RECIPE_FILE).write_text(draft.to_toml(), "utf-8")
        return read_recipe(folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
