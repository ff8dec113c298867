"""Volumes (version 2) and blobs: files in a folder, uploads and downloads over HTTP."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web
from grpclib import GRPCError, Status
from modal_proto import api_pb2 as pb

from tests.modal_loopback.core import EMPTY, Core

BLOCK = 8 << 20


class Storage(Core):
    """What the client uploads, and reads again."""

    def blob_routes(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_put("/{id}", self._put)
        app.router.add_get("/{id}", self._get)
        return app

    async def _put(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.blob_delay_s)
        content = await request.read()
        self.blobs[request.match_info["id"]] = content
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return web.Response(headers={"ETag": f'"{md5}"'})

    async def _get(self, request: web.Request) -> web.Response:
        return web.Response(body=self.blobs[request.match_info["id"]])

    async def BlobCreate(self, _: Any) -> pb.BlobCreateResponse:
        blob_id = self.new_id("bl")
        url = f"{self.blob_url}/{blob_id}"
        return pb.BlobCreateResponse(
            blob_ids=[blob_id], blob_id=blob_id, upload_urls=pb.UploadUrlList(items=[url])
        )

    async def BlobGet(self, request: Any) -> pb.BlobGetResponse:
        return pb.BlobGetResponse(download_url=f"{self.blob_url}/{request.blob_id}")

    def volume_folder(self, name: str) -> Path:
        """The files of the Volume of this name."""
        return self.folder / "volumes" / name

    async def VolumeGetOrCreate(self, request: Any) -> pb.VolumeGetOrCreateResponse:
        known = {name: volume_id for volume_id, name in self.volumes.items()}
        name = request.deployment_name
        if name not in known:
            if not request.object_creation_type:
                raise GRPCError(Status.NOT_FOUND, f"Volume {name!r} not found")
            known[name] = self.new_id("vo")
            self.volumes[known[name]] = name
            self.volume_folder(name).mkdir(parents=True)
        version = pb.VOLUME_FS_VERSION_V2
        return pb.VolumeGetOrCreateResponse(
            volume_id=known[name],
            version=version,
            metadata=pb.VolumeMetadata(version=version, name=name),
        )

    async def VolumePutFiles2(self, request: Any) -> pb.VolumePutFiles2Response:
        # Blocks are named by their digest; the client sends those that are missing, asks again.
        missing = [
            pb.VolumePutFiles2Response.MissingBlock(
                file_index=i, block_index=j, put_url=f"{self.blob_url}/{_name(block)}"
            )
            for i, file in enumerate(request.files)
            for j, block in enumerate(file.blocks)
            if _name(block) not in self.blobs
        ]
        if missing:
            return pb.VolumePutFiles2Response(missing_blocks=missing)
        for file in request.files:
            self._write(self.volume_folder(self.volumes[request.volume_id]), file)
        return pb.VolumePutFiles2Response()

    def _write(self, folder: Path, file: Any) -> None:
        path = folder / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            for number, block in enumerate(file.blocks):
                out.seek(number * BLOCK)
                out.write(self.blobs[_name(block)])
            # Zeros at the end of a block are not sent.
            out.truncate(file.size)

    async def VolumeListFiles2(self, request: Any) -> AsyncIterator[pb.VolumeListFiles2Response]:
        root = self.volume_folder(self.volumes[request.volume_id])
        base = root / request.path.strip("/")
        if not base.exists():
            raise GRPCError(Status.NOT_FOUND, f"{request.path}: no such file or directory")
        for path in sorted(base.rglob("*") if request.recursive else base.glob("*")):
            kind = pb.FileEntry.DIRECTORY if path.is_dir() else pb.FileEntry.FILE
            status = path.stat()
            entry = pb.FileEntry(
                path=str(path.relative_to(root)),
                size=status.st_size,
                mtime=int(status.st_mtime),
                type=kind,
            )
            yield pb.VolumeListFiles2Response(entries=[entry])

    async def VolumeGetFile2(self, request: Any) -> pb.VolumeGetFile2Response:
        path = self.volume_folder(self.volumes[request.volume_id]) / request.path.lstrip("/")
        if not path.is_file():
            raise GRPCError(Status.NOT_FOUND, f"{request.path}: no such file")
        content = path.read_bytes()
        urls = []
        for start in range(0, len(content), BLOCK):
            blob_id = self.new_id("bl")
            self.blobs[blob_id] = content[start : start + BLOCK]
            urls.append(f"{self.blob_url}/{blob_id}")
        return pb.VolumeGetFile2Response(
            get_urls=urls, size=len(content), start=0, len=len(content)
        )

    async def VolumeDelete(self, request: Any) -> Any:
        self.volumes.pop(request.volume_id)
        return EMPTY


def _name(block: Any) -> str:
    return f"block-{block.contents_sha256.hex()}"
