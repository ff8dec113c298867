"""What is to be built, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.errors import RecipeError
from export.jobs.record import BuildInputs, read_record
from export.provenance import build_inputs, source_digest
from export.recipe import ArtifactMember, EnsembleSource, Recipe
from registry import Artifact, FileStore, NotFoundError, RegistryError
from registry.manifest import SourceKind

_LONGEST_FIRST: tuple[SourceKind, ...] = ("causal_lm", "ensemble", "encoder", "sklearn")


@dataclass(frozen=True)
class PlannedBuild:
    """A recipe, and why it is to be built; `reason` is None for what is up to date."""

    recipe: Recipe
    reason: str | None


def plan(
    recipes: tuple[Recipe, ...], store: FileStore, *, force: bool = False
) -> tuple[PlannedBuild, ...]:
    """What a build of these recipes would do; an ensemble comes after members built with it.

    Those that take longest come first, so that none of them is still alone at the end (Graham,
    "Bounds on multiprocessing timing anomalies", 1969).
    """
    planned: dict[str, PlannedBuild] = {}
    for recipe in sorted(recipes, key=lambda recipe: _place(recipe, store.root)):
        stale = {name for name, build in planned.items() if build.reason}
        again = sorted(member_artifacts(recipe, store.root) & stale)
        reason = reason_to_build(recipe, store) or ("forced" if force else None)
        if again and reason is None:
            reason = f"its member {again[0]} is built again"
        planned[recipe.model_id] = PlannedBuild(recipe, reason)
    return tuple(planned.values())


def _place(recipe: Recipe, root: Path) -> tuple[bool, int]:
    return bool(member_artifacts(recipe, root)), _LONGEST_FIRST.index(recipe.source.kind)


def member_artifacts(recipe: Recipe, root: Path) -> frozenset[str]:
    """The model ids of the artifacts in this store that an ensemble is made of."""
    members = recipe.source.members if isinstance(recipe.source, EnsembleSource) else ()
    named = (member.artifact for member in members if isinstance(member, ArtifactMember))
    folders = ((recipe.folder / name).resolve() for name in named)
    store = root.resolve()
    return frozenset(folder.parent.name for folder in folders if store in folder.parents)


def reason_to_build(recipe: Recipe, store: FileStore) -> str | None:
    """None where the artifact is intact and was built from exactly these inputs."""
    try:
        artifact = store.resolve(f"{recipe.model_id}@{recipe.version}")
    except NotFoundError:
        return "not built yet"
    except RegistryError as exc:
        return f"damaged: {exc}"
    try:
        if artifact.manifest.provenance.source_digest != source_digest(recipe):
            return _what_changed(recipe, artifact, store)
        artifact.verify()
    except RecipeError as exc:
        return f"its inputs are not all here: {exc}"
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
