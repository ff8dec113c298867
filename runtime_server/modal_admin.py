"""What an operator does with Modal: connect, deploy, publish, look, remove."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import modal
from modal import exception as raised
from pydantic import ValidationError

from registry import Artifact, Manifest
from registry.manifest import MANIFEST_FILE
from runtime_server.errors import EngineError, StartError
from runtime_server.modal_credentials import HOW_TO, ModalCredentials
from runtime_server.modal_plan import ModalPlan, volume_folder
from runtime_server.modal_remote import ModalRemote, Pool

# The modal client itself would try for a minute.
CONNECT_S: Final = 15.0
ANSWER_S: Final = 30.0

Told = Callable[[str, int], None]


@dataclass(frozen=True)
class Upload:
    """What `publish` sent, in bytes; nothing where all of it was there."""

    artifact: Artifact
    sent: int


@dataclass(frozen=True)
class PublishedModel:
    """An artifact in the Volume, and its containers; None where there is no app."""

    manifest: Manifest
    pool: Pool | None


@dataclass(frozen=True)
class ModalStatus:
    """What is deployed and published."""

    deployed: bool
    models: tuple[PublishedModel, ...]


@dataclass(frozen=True)
class ModalAdmin:
    """Of one workspace, for one plan. Everything raises StartError, with what to do about it."""

    credentials: ModalCredentials
    plan: ModalPlan
    client: modal.Client

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, credentials: ModalCredentials, plan: ModalPlan
    ) -> AsyncIterator["ModalAdmin"]:
        """Inside, there is a connection."""
        with _explained():
            async with asyncio.timeout(CONNECT_S):
                client = await modal.Client.from_credentials.aio(
                    credentials.token_id, credentials.token_secret
                )
        try:
            yield cls(credentials, plan, client)
        finally:
            await client.close.aio()

    async def deploy(self) -> None:
        """Build the image, if need be, and put the class in the place of the one before."""
        from runtime_server.modal_app import app

        with _explained(), modal.enable_output():
            await app.deploy.aio(client=self.client)

    async def publish(self, artifact: Artifact, told: Told) -> Upload:
        """Upload what is missing of the artifact; `told` hears each file, and its bytes, when done.

        The manifest is the last file: where it is, all the others are.
        """
        volume = self._volume(create=True)
        folder = volume_folder(artifact.manifest)
        there = await self._sizes(volume, folder)
        sent = 0
        for name, size in _files(artifact):
            if there.get(name) != size:
                with _explained():
                    async with volume.batch_upload(force=True) as batch:
                        batch.put_file(artifact.folder / name, f"{folder}/{name}")
                sent += size
            told(name, size)
        return Upload(artifact, sent)

    async def status(self) -> ModalStatus:
        """Starts no container."""
        deployed = await self._app() is not None
        manifests = [m async for m in self._manifests()]
        remote = ModalRemote(self.credentials, self.plan)
        try:
            models = [
                PublishedModel(m, await self._pool(remote, m) if deployed else None)
                for m in manifests
            ]
        finally:
            await remote.close()
        return ModalStatus(deployed, tuple(models))

    async def remove(self, *, artifacts: bool) -> bool:
        """Stop the app with its containers, and delete the Volume; False: there was no app."""
        app = await self._app()
        with _explained():
            if app is not None:
                await app.stop.aio(client=self.client)
            if artifacts:
                await modal.Volume.objects.delete.aio(
                    self.plan.volume, allow_missing=True, client=self.client
                )
        return app is not None

    async def _app(self) -> modal.App | None:
        try:
            with _explained():
                async with asyncio.timeout(ANSWER_S):
                    return await modal.App.lookup.aio(self.plan.app, client=self.client)
        except _MissingError:
            return None

    def _volume(self, *, create: bool) -> modal.Volume:
        version = 2 if create else None
        return modal.Volume.from_name(
            self.plan.volume, create_if_missing=create, version=version, client=self.client
        )

    async def _sizes(self, volume: modal.Volume, folder: str) -> dict[str, int]:
        try:
            with _explained():
                entries = await volume.listdir.aio(folder)
        except _MissingError:
            return {}
        return {entry.path.rpartition("/")[2]: entry.size for entry in entries}

    async def _manifests(self) -> AsyncIterator[Manifest]:
        volume = self._volume(create=False)
        for digest in sorted(await self._sizes(volume, "/")):
            try:
                content = [c async for c in volume.read_file.aio(f"/{digest}/{MANIFEST_FILE}")]
                yield Manifest.model_validate_json(b"".join(content))
            except (FileNotFoundError, ValidationError):
                # Not published to its end, or nothing of this project.
                continue

    async def _pool(self, remote: ModalRemote, manifest: Manifest) -> Pool | None:
        try:
            return await remote.pool(manifest, ANSWER_S)
        except EngineError as exc:
            raise StartError(f"{manifest.reference}: {exc.detail}") from exc


class _MissingError(StartError):
    """Modal knows nothing of that name."""


def _files(artifact: Artifact) -> list[tuple[str, int]]:
    listed = [(file.path, file.bytes) for file in artifact.manifest.files]
    return [*listed, (MANIFEST_FILE, (artifact.folder / MANIFEST_FILE).stat().st_size)]


class _explained:  # noqa: N801  # used like a function
    """What the modal package raises, as one line that says what to do."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:  # noqa: ANN401
        if isinstance(error, raised.NotFoundError):
            raise _MissingError(f"Modal has no such thing: {error}") from error
        if isinstance(error, raised.AuthError | raised.PermissionDeniedError):
            raise StartError(f"Modal refuses the token; {HOW_TO}") from error
        if isinstance(error, TimeoutError | raised.ConnectionError | raised.ServiceError | OSError):
            raise StartError("Modal cannot be reached; is there a way to api.modal.com?") from error
        if isinstance(error, raised.Error):
            raise StartError(f"Modal: {type(error).__name__}: {error}") from error
