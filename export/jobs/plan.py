"""What is to be built, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from export.jobs.record import BuildInputs, read_record
from export.provenance import build_inputs, source_digest
from export.recipe import Recipe
from registry import Artifact, FileStore, NotFoundError, RegistryError


@dataclass(frozen=True)
class PlannedBuild:
    """A recipe, and why it is to be built; `reason` is None for what is up to date."""

    recipe: Recipe
    reason: str | None


def plan(
    recipes: tuple[Recipe, ...], store: FileStore, *, force: bool = False
) -> tuple[PlannedBuild, ...]:
    """What a build of these recipes would do. Raises RecipeError."""
    return tuple(
        PlannedBuild(recipe, reason_to_build(recipe, store) or ("forced" if force else None))
        for recipe in recipes
    )


def reason_to_build(recipe: Recipe, store: FileStore) -> str | None:
    """None where the artifact is intact and was built from exactly these inputs."""
    try:
        artifact = store.resolve(f"{recipe.model_id}@{recipe.version}")
    except NotFoundError:
        return "not built yet"
    except RegistryError as exc:
        return f"damaged: {exc}"
    if artifact.manifest.provenance.source_digest != source_digest(recipe):
        return _what_changed(recipe, artifact, store)
    try:
        artifact.verify()
    except RegistryError as exc:
        return f"damaged: {exc}"
    return None


def _what_changed(recipe: Recipe, artifact: Artifact, store: FileStore) -> str:
    record = read_record(store.root, artifact.manifest)
    if record is None:
        return "its inputs changed"
    return "; ".join(_changes(record.inputs, build_inputs(recipe))) or "its inputs changed"


def _changes(before: BuildInputs, now: BuildInputs) -> Iterator[str]:
    for group in now:
        old, new = before.get(group, {}), now[group]
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        if group in ("tools", "options"):
            yield from (f"{name}: {_from_to(name, old, new)}" for name in names)
        elif names:
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield f"{group} changed: {names[0]}{others}"


def _from_to(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    return f"{old.get(name, 'none')} → {new.get(name, 'none')}"
