"""The server: gRPC and HTTP on free ports of the loopback interface."""

import shutil
import socket
import tempfile
from pathlib import Path
from typing import Self

from aiohttp import web
from grpclib.server import Server

from tests.modal_loopback.containers import Containers
from tests.modal_loopback.core import TOKEN_ID, TOKEN_SECRET

HOST = "127.0.0.1"


class LoopbackModal(Containers):
    """Start it, point a client at `environment`, stop it."""

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="modal-loopback-"))
        self._server = Server([self])
        self._runner = web.AppRunner(self.blob_routes(), shutdown_timeout=0.1)
        self.url, self.blob_url = (f"http://{HOST}:{_free_port()}" for _ in range(2))
        await self._server.start(HOST, int(self.url.rpartition(":")[2]))
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, int(self.blob_url.rpartition(":")[2])).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end_tasks()
        await self.end_containers()
        self._server.close()
        await self._server.wait_closed()
        await self._runner.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """Of a process whose Modal this is to be."""
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": TOKEN_ID,
            "MODAL_TOKEN_SECRET": TOKEN_SECRET,
            "MODAL_CONFIG_PATH": "/nonexistent/modal.toml",
            "MODAL_DISABLE_API_PROXY": "1",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
