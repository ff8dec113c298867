"""Which recipes a command is about."""

from fnmatch import fnmatchcase

from export.recipe import Recipe
from registry import NotFoundError


def select(recipes: tuple[Recipe, ...], patterns: list[str]) -> tuple[Recipe, ...]:
    """The recipes whose id is, or matches, one of the patterns; all where none is named.

    Raises:
        NotFoundError: a pattern matches nothing.
    """
    chosen = {r.model_id: r for pattern in patterns for r in _matching(recipes, pattern)}
    return tuple(chosen.values()) if patterns else recipes


def of_trait(recipes: tuple[Recipe, ...], traits: list[str]) -> tuple[Recipe, ...]:
    """Those with one of these source kinds or quantization schemes; all where none is named.

    Raises:
        NotFoundError: no recipe has one.
    """
    kept = tuple(recipe for recipe in recipes if _traits(recipe) & set(traits) or not traits)
    if not kept:
        known = ", ".join(sorted(set().union(*map(_traits, recipes))))
        raise NotFoundError(f"no recipe is {' or '.join(traits)}; there is {known}")
    return kept


def _traits(recipe: Recipe) -> set[str]:
    return {recipe.source.kind, recipe.quantization.scheme.value}


def _matching(recipes: tuple[Recipe, ...], pattern: str) -> list[Recipe]:
    found = [recipe for recipe in recipes if fnmatchcase(recipe.model_id, pattern)]
    if not found:
        known = ", ".join(recipe.model_id for recipe in recipes)
        raise NotFoundError(f"no recipe {pattern}; there is {known}")
    return found
