"""What an operator does with Modal: connect, deploy, publish, look, remove."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import modal
from pydantic import ValidationError

from registry import Artifact, Manifest
from registry.manifest import MANIFEST_FILE
from runtime_server.errors import EngineError, StartError
from runtime_server.modal_credentials import ModalCredentials
from runtime_server.modal_errors import MissingError, answering
from runtime_server.modal_plan import ModalPlan
from runtime_server.modal_remote import ModalRemote, Pool
from runtime_server.modal_upload import VOLUME_VERSION, Told, file_sizes, upload


@dataclass(frozen=True)
class Patience:
    """Seconds: for a connection, any answer, an image to be built, and nothing to be uploaded.

    The modal client itself would try for a minute, and wait for the other ones without limit.
    """

    connect_s: float = 10.0
    answer_s: float = 30.0
    build_s: float = 3600.0
    stall_s: float = 60.0


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
    patience: Patience

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, credentials: ModalCredentials, plan: ModalPlan, patience: Patience = Patience()
    ) -> AsyncIterator["ModalAdmin"]:
        """Inside, there is a connection, and the token has been taken."""
        async with answering(patience.connect_s):
            client = await modal.Client.from_credentials.aio(
                credentials.token_id, credentials.token_secret
            )
        try:
            async with answering(patience.connect_s):
                await client.hello.aio()  # type: ignore[no-untyped-call]  # as it comes
            yield cls(credentials, plan, client, patience)
        finally:
            async with answering(patience.answer_s):
                await client.close.aio()

    async def deploy(self) -> None:
        """Build the image, if need be, and put the class in the place of the one before."""
        from runtime_server.modal_app import app

        async with answering(self.patience.build_s):
            with modal.enable_output():
                await app.deploy.aio(client=self.client)

    async def publish(self, artifact: Artifact, told: Told) -> int:
        """Upload what is missing of the artifact, under its digest; how many bytes that were."""
        volume = modal.Volume.from_name(
            self.plan.volume, create_if_missing=True, version=VOLUME_VERSION, client=self.client
        )
        return await upload(artifact, volume, self.client, told, self.patience.stall_s)

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
        async with answering(self.patience.answer_s):
            if app is not None:
                await app.stop.aio(client=self.client)
            if artifacts:
                await modal.Volume.objects.delete.aio(
                    self.plan.volume, allow_missing=True, client=self.client
                )
        return app is not None

    async def _app(self) -> modal.App | None:
        try:
            async with answering(self.patience.answer_s):
                return await modal.App.lookup.aio(self.plan.app, client=self.client)
        except MissingError:
            return None

    async def _manifests(self) -> AsyncIterator[Manifest]:
        volume = modal.Volume.from_name(self.plan.volume, client=self.client)
        for digest in sorted(await file_sizes(volume, "/", self.patience.answer_s)):
            try:
                async with answering(self.patience.answer_s):
                    content = [c async for c in volume.read_file.aio(f"/{digest}/{MANIFEST_FILE}")]
                yield Manifest.model_validate_json(b"".join(content))
            except (MissingError, ValidationError):
                # Not published to its end, or nothing of this project.
                continue

    async def _pool(self, remote: ModalRemote, manifest: Manifest) -> Pool | None:
        try:
            return await remote.pool(manifest, self.patience.answer_s)
        except EngineError as exc:
            raise StartError(f"{manifest.reference}: {exc.detail}") from exc
