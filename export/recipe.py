"""A recipe: the folder export/recipes/<model_id>/ that says what an artifact is made of."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from export.errors import RecipeError
from registry.manifest import FileName, ModelId, Quantization, VersionText

RECIPES = Path(__file__).resolve().parent / "recipes"
RECIPE_FILE = "recipe.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecipeSource(_Strict):
    """Where the weights are, and on what terms they come."""

    kind: Literal["sklearn"]
    weights: FileName
    reference: str
    licence: str
    attribution: str


class RecipeInput(_Strict):
    """How a text is prepared before the graph sees it."""

    normalizer: Literal["norm-1", "identity"]


class Recipe(_Strict):
    """recipe.toml, and the folder it was read from."""

    folder: Path
    model_id: ModelId
    version: VersionText
    task: str
    labels: tuple[str, str]
    source: RecipeSource
    input: RecipeInput
    quantization: Quantization

    @property
    def weights(self) -> Path:
        """The file of trained weights."""
        return self.folder / self.source.weights


def read_recipe(folder: Path) -> Recipe:
    """The recipe in this folder. Raises RecipeError naming the field."""
    path = folder / RECIPE_FILE
    try:
        recipe = Recipe.model_validate({**tomllib.loads(path.read_text("utf-8")), "folder": folder})
    except OSError as exc:
        raise RecipeError(f"{path} cannot be read: {exc.strerror}") from None
    except tomllib.TOMLDecodeError as exc:
        raise RecipeError(f"{path} is not TOML: {exc}") from None
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecipeError(f"{path}: {where}: {first['msg']}") from None
    if recipe.model_id != folder.name:
        raise RecipeError(f"{path}: model_id {recipe.model_id!r} is not the folder's name")
    if not recipe.weights.is_file():
        raise RecipeError(f"{recipe.weights} is missing; the recipe's training command makes it")
    return recipe


def catalogue(root: Path = RECIPES) -> tuple[Recipe, ...]:
    """Every recipe, by model id."""
    return tuple(read_recipe(path.parent) for path in sorted(root.glob(f"*/{RECIPE_FILE}")))
