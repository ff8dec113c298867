"""`python -m export list`."""

from rich.box import SIMPLE
from rich.table import Table

from export.commands.options import AsJson, RecipesFolder, console, short
from export.recipe import RECIPES, catalogue


def list_recipes(recipes_folder: RecipesFolder = RECIPES, as_json: AsJson = False) -> None:
    """List the recipes."""
    rows = [
        {
            "model_id": recipe.model_id,
            "version": recipe.version,
            "kind": recipe.source.kind,
            "scheme": recipe.quantization.scheme.value,
            "path": str(recipe.folder),
        }
        for recipe in catalogue(recipes_folder)
    ]
    if as_json:
        return console.print_json(data=rows)
    table = Table("recipe", "version", "kind", "scheme", "path", box=SIMPLE, pad_edge=False)
    for recipe in catalogue(recipes_folder):
        scheme = recipe.quantization.scheme.value
        cells = (recipe.model_id, recipe.version, recipe.source.kind, scheme)
        table.add_row(*cells, short(recipe.folder))
    return console.print(table)
