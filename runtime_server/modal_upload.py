"""Sends one artifact into the Volume, as much of it as is missing there."""

import asyncio
from collections.abc import Callable
from typing import Final

import modal
from modal.volume import AbstractVolumeUploadContextManager
from modal_proto import api_pb2

from registry import Artifact
from registry.manifest import MANIFEST_FILE
from registry.signature import SIGNATURE_FILE
from runtime_server.modal_errors import MissingError, answering
from runtime_server.modal_plan import volume_folder

# The Volumes of this version have no limit to the number of files, and take blocks side by side.
VOLUME_VERSION: Final = 2

Told = Callable[[int], None]


def upload_bytes(artifact: Artifact) -> int:
    """Of all files, with the manifest and its signature."""
    return sum(size for _, size in _files(artifact))


async def upload(
    artifact: Artifact, volume: modal.Volume, client: modal.Client, told: Told, stall_s: float
) -> int:
    """Bytes of the files that were missing; `told` hears of bytes as they arrive.

    The manifest is the last file: where it is, all the others are. A signature is sent each time:
    another key's is as long.

    Raises:
        StartError: Modal refuses, or has taken nothing for `stall_s` seconds.
    """
    folder = volume_folder(artifact.manifest)
    async with answering(stall_s):
        await volume.hydrate.aio(client)
    there = await file_sizes(volume, folder, stall_s)
    sent = 0
    for name, size in _files(artifact):
        if there.get(name) == size and name != SIGNATURE_FILE:
            told(size)
            continue
        async with answering(stall_s) as limit:
            arriving = _Arriving(size, told, limit, stall_s)
            async with AbstractVolumeUploadContextManager.resolve(
                api_pb2.VOLUME_FS_VERSION_V2,
                volume.object_id,
                client,
                progress_cb=arriving,
                force=True,
            ) as batch:
                batch.put_file(artifact.folder / name, f"{folder}/{name}")
        arriving.end()
        sent += size if there.get(name) != size else 0
    return sent


async def file_sizes(volume: modal.Volume, folder: str, within_s: float) -> dict[str, int]:
    """Bytes of each file there; empty where there is no such folder. Raises StartError."""
    try:
        async with answering(within_s):
            entries = await volume.listdir.aio(folder)
    except MissingError:
        return {}
    return {entry.path.rpartition("/")[2]: entry.size for entry in entries}


def _files(artifact: Artifact) -> list[tuple[str, int]]:
    listed = [(file.path, file.bytes) for file in artifact.manifest.files]
    beside = (
        (name, (artifact.folder / name).stat().st_size)
        for name in (SIGNATURE_FILE, MANIFEST_FILE)
        if (artifact.folder / name).is_file()
    )
    return [*listed, *beside]


class _Arriving:
    """Hears the modal client, in its thread, of one file; puts off the end of waiting each time."""

    def __init__(self, size: int, told: Told, limit: asyncio.Timeout, stall_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = size
        self._told = told
        self._limit: asyncio.Timeout | None = limit
        self._stall_s = stall_s

    def __call__(self, *_: object, advance: int = 0, **__: object) -> None:
        """As the client calls it: `advance` bytes more, fewer where a block is sent again."""
        self._loop.call_soon_threadsafe(self._advanced, advance)

    def end(self) -> None:
        """Blocks that were there already were not sent."""
        self._limit = None
        self._told(self._left)

    def _advanced(self, count: int) -> None:
        if self._limit is None or self._limit.expired():
            return
        self._limit.reschedule(self._loop.time() + self._stall_s)
        self._left -= count
        self._told(count)
