"""The artifacts this server serves: read once at the start, and the only names it knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from packaging.version import Version

from registry import Artifact, FileStore, RegistryError, SignatureError, sha256_of_file
from registry.manifest import MANIFEST_FILE, VARIANT_MARK, ArtifactFile
from registry.signature import SIGNATURE_FILE, check_signature, public_key_bytes
from runtime_server.errors import FileNotListedError, ModelNotFoundError, SettingsError, StartError
from runtime_server.served_model import EVERY, ServedModel
from runtime_server.settings import Settings

# What a request calls a model without its variants.
ITSELF: Final = "default"


@dataclass(frozen=True)
class ServedFile:
    """A file that may be downloaded: what it must be, and where it is."""

    file: ArtifactFile
    path: Path


@dataclass(frozen=True)
class ServedArtifact:
    """An artifact with its manifest.json and signature, which a manifest cannot list."""

    artifact: Artifact
    unlisted: tuple[ArtifactFile, ...]

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        """The artifact, its manifest.json hashed as it is now."""
        names = (MANIFEST_FILE, SIGNATURE_FILE)
        paths = (artifact.folder / name for name in names)
        return cls(artifact, tuple(_entry(path) for path in paths if path.is_file()))

    def answers_to(self, reference: str) -> bool:
        """Whether `reference` is this model's id, id@latest, or id@version of this version."""
        model_id, _, version = reference.partition("@")
        manifest = self.artifact.manifest
        return model_id == manifest.model_id and version in ("", "latest", manifest.version)

    def file(self, name: str) -> ServedFile:
        """The file of that name. Raises FileNotListedError."""
        manifest = self.artifact.manifest
        files = {file.path: file for file in (*self.unlisted, *manifest.files)}
        entry = files.get(name)
        if entry is None:
            raise FileNotListedError(f"{manifest.reference} has no such file", files=[*files])
        return ServedFile(entry, self.artifact.folder / entry.path)


def _entry(path: Path) -> ArtifactFile:
    return ArtifactFile(path=path.name, sha256=sha256_of_file(path), bytes=path.stat().st_size)


@dataclass(frozen=True)
class Catalogue:
    """Served artifacts, by model id, oldest version first."""

    entries: tuple[ServedArtifact, ...]
    default_model: str
    variants: tuple[str, ...] = ()
    """Ids, `model+variant`, of the artifacts that answer for their models."""

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Read the registry.

        Raises:
            StartError: the registry holds nothing, or something that is no artifact, or not signed
                as ARTIFACT_PUBLIC_KEY asks for.
            SettingsError: a setting names a model that is not there, or MODEL_VARIANTS one that is
                no variant or two of one model.
        """
        named = settings.available_models
        entries = _with_added(_read(settings.registry_root), named)
        whole = cls(entries, settings.default_model)
        references = tuple(item.model for item in named if item.model != EVERY)
        for reference in references:
            whole._require("AVAILABLE_MODELS", reference)
        every = not named or any(item.model == EVERY for item in named)
        kept = tuple(e for e in entries if every or any(map(e.answers_to, references)))
        catalogue = cls(kept, settings.default_model, settings.model_variants)
        if settings.artifact_public_key is not None:
            _require_signed(kept, public_key_bytes(settings.artifact_public_key))
        catalogue._require("DEFAULT_MODEL", settings.default_model)
        for reference in settings.preload_models:
            catalogue._require("PRELOAD_MODELS", reference)
        catalogue._require_variants()
        return catalogue

    @property
    def default(self) -> ServedArtifact:
        """The artifact of a request that names none."""
        return self.choose(None, None)

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Ids, sorted."""
        return tuple(sorted({entry.artifact.manifest.model_id for entry in self.entries}))

    def resolve(self, reference: str | None) -> ServedArtifact:
        """What `id`, `id@version`, `id@latest` or None (the default) names; the newest if several.

        Raises:
            ModelNotFoundError: the server serves no such model.
        """
        wanted = self.default_model if reference is None else reference
        matches = [entry for entry in self.entries if entry.answers_to(wanted)]
        if not matches:
            raise ModelNotFoundError(
                f"no such model here; there are: {', '.join(self.model_ids)}",
                known_models=[*self.model_ids],
            )
        return max(matches, key=lambda entry: Version(entry.artifact.manifest.version))

    def choose(self, reference: str | None, variant: str | None) -> ServedArtifact:
        """What a request for `reference` (as in `resolve`) and `variant` gets.

        A variant is the one that the request names, in either way, else the one in `variants`.

        Raises:
            ModelNotFoundError: the server serves no such model, or no such variant of it.
        """
        wanted = self.default_model if reference is None else reference
        model_id, at, version = wanted.partition("@")
        base, _, own = model_id.partition(VARIANT_MARK)
        if own and variant not in (None, own):
            raise ModelNotFoundError(
                f"the request names the model {model_id!r} and another variant, {variant!r}",
                known_models=[*self.model_ids],
            )
        chosen = variant or own or self._chosen_variant(base)
        full = base if chosen in ("", ITSELF) else f"{base}{VARIANT_MARK}{chosen}"
        return self.resolve(f"{full}{at}{version}")

    def _chosen_variant(self, base: str) -> str:
        pairs = (name.split(VARIANT_MARK, 1) for name in self.variants)
        return next((variant for model, variant in pairs if model == base), "")

    def _require_variants(self) -> None:
        for name in self.variants:
            if VARIANT_MARK not in name:
                raise SettingsError(f"MODEL_VARIANTS: {name!r} is not like model+variant")
            self._require("MODEL_VARIANTS", name)
        models = [name.partition(VARIANT_MARK)[0] for name in self.variants]
        twice = [model for model in models if models.count(model) > 1]
        if twice:
            raise SettingsError(f"MODEL_VARIANTS: {twice[0]} can have one variant, not two")

    def _require(self, variable: str, reference: str) -> None:
        try:
            self.resolve(reference)
        except ModelNotFoundError as exc:
            raise SettingsError(f"{variable}: {reference!r} is not served; {exc.detail}") from None


def _require_signed(entries: Sequence[ServedArtifact], public_key: bytes) -> None:
    for entry in entries:
        try:
            check_signature(entry.artifact, public_key)
        except (SignatureError, OSError) as exc:
            raise StartError(f"ARTIFACT_PUBLIC_KEY: {exc}") from None


def _with_added(
    entries: tuple[ServedArtifact, ...], named: Sequence[ServedModel]
) -> tuple[ServedArtifact, ...]:
    added = {entry.artifact.manifest.reference: entry for entry in entries}
    for item in named:
        if item.folder is not None:
            entry = _from_folder(item.model, item.folder)
            added[entry.artifact.manifest.reference] = entry
    return tuple(added[reference] for reference in sorted(added))


def _from_folder(model: str, folder: Path) -> ServedArtifact:
    path = folder.absolute()
    try:
        store = FileStore(path.parent.parent)
        entry = ServedArtifact.of(store.resolve(f"{path.parent.name}@{path.name}"))
    except (RegistryError, OSError) as exc:
        raise StartError(f"AVAILABLE_MODELS: {folder} holds no artifact: {exc}") from exc
    if not entry.answers_to(model):
        there = entry.artifact.manifest.reference
        raise SettingsError(f"AVAILABLE_MODELS: {folder} holds {there}, not {model}")
    return entry


def _read(root: Path) -> tuple[ServedArtifact, ...]:
    try:
        entries = tuple(map(ServedArtifact.of, FileStore(root).artifacts()))
    except (RegistryError, OSError) as exc:
        raise StartError(f"the registry cannot be read: {exc}") from exc
    if not entries:
        raise StartError(f"REGISTRY_ROOT {root} holds no artifacts; `make export` builds them")
    return entries
