"""Takes up what the registry holds now, while requests go on.

Whatever is new is tried before anyone gets it. What does not work leaves what there was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from registry import Artifact
from runtime_server.catalogue import Catalogue, ServedArtifact
from runtime_server.engine import ModelMemory
from runtime_server.errors import (
    EngineError,
    ReloadRefusedError,
    ServerError,
    SettingsError,
    StartError,
)
from runtime_server.live_catalogue import LiveCatalogue
from runtime_server.readiness import Readiness
from runtime_server.settings import Settings
from runtime_server.verified_files import verify_files


@dataclass(frozen=True)
class Refusal:
    """A new artifact that does not work, and why."""

    model: str
    reason: str
    detail: str


@dataclass(frozen=True)
class ReloadReport:
    """References of models, by what has become of them."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True)
class Reload:
    """Puts a new catalogue in place of the one that is live."""

    settings: Settings
    live: LiveCatalogue
    memory: ModelMemory
    readiness: Readiness
    lock: asyncio.Lock

    async def run(self) -> ReloadReport:
        """One at a time. Raises ReloadRefusedError: nothing has changed then."""
        async with self.lock:
            before = self.live.current
            found = await self._read()
            tried = [await self._tried(entry, before) for entry in _new(before, found)]
            refusals = tuple(refusal for refusal in tried if refusal is not None)
            after = _without(refusals, found, before)
            _require_default(after)
            self.live.replace(after)
            await self._unload(before, after)
            return _report(before, after, refusals)

    async def _read(self) -> Catalogue:
        try:
            return await asyncio.to_thread(Catalogue.load, self.settings)
        except (StartError, SettingsError) as exc:
            raise ReloadRefusedError(str(exc)) from None

    async def _tried(self, entry: ServedArtifact, before: Catalogue) -> Refusal | None:
        artifact = entry.artifact
        try:
            if self._was_in_memory(artifact, before):
                await self.readiness.answer_once(artifact)
            else:
                await asyncio.to_thread(verify_files, artifact)
        except EngineError as exc:
            return Refusal(artifact.manifest.reference, exc.reason, exc.detail)
        except ServerError as exc:
            return Refusal(artifact.manifest.reference, exc.code, exc.detail)
        return None

    def _was_in_memory(self, artifact: Artifact, before: Catalogue) -> bool:
        model_id = artifact.manifest.model_id
        versions = (e.artifact for e in before.entries if e.artifact.manifest.model_id == model_id)
        return any(map(self.memory.loaded, versions))

    async def _unload(self, before: Catalogue, after: Catalogue) -> None:
        kept = {entry.artifact.manifest.digest for entry in after.entries}
        for entry in before.entries:
            if entry.artifact.manifest.digest not in kept:
                await self.memory.unload(entry.artifact)


def _new(before: Catalogue, found: Catalogue) -> Sequence[ServedArtifact]:
    known = {entry.artifact.manifest.digest for entry in before.entries}
    return [entry for entry in found.entries if entry.artifact.manifest.digest not in known]


def _without(refusals: Sequence[Refusal], found: Catalogue, before: Catalogue) -> Catalogue:
    refused = {refusal.model for refusal in refusals}
    good = [e for e in found.entries if e.artifact.manifest.reference not in refused]
    old = [e for e in before.entries if e.artifact.manifest.reference in refused]
    return replace(found, entries=(*good, *old))


def _require_default(catalogue: Catalogue) -> None:
    try:
        _ = catalogue.default
    except ServerError as exc:
        raise ReloadRefusedError(f"the default model would be missing: {exc.detail}") from None


def _report(before: Catalogue, after: Catalogue, refusals: tuple[Refusal, ...]) -> ReloadReport:
    old, new = _digests(before), _digests(after)
    return ReloadReport(
        added=tuple(sorted(name for name, digest in new.items() if old.get(name) != digest)),
        removed=tuple(sorted(set(old) - set(new))),
        kept=tuple(sorted(name for name, digest in new.items() if old.get(name) == digest)),
        refused=refusals,
    )


def _digests(catalogue: Catalogue) -> dict[str, str]:
    manifests = (entry.artifact.manifest for entry in catalogue.entries)
    return {manifest.reference: manifest.digest for manifest in manifests}
