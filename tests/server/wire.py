"""HTTP as bytes on a socket: what a client library would correct or hide."""

import io
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from subprocess import PIPE
from typing import Any
from urllib.parse import urlsplit

from tests.server.command import COMMAND, address, announced, environment
from tests.server.conftest import publish_to

JSON = "content-type: application/json"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.content)
        assert problem["status"] == self.status
        return problem

    @property
    def code(self) -> str:
        """Of the problem; "" where all went well."""
        return "" if self.status < 400 else str(self.problem["code"])


class Reader(io.BufferedReader):
    """Kept open by HTTPResponse, which would drop what it has read of the next answer."""

    def close(self) -> None:
        pass

    def makefile(self, _mode: str) -> "Reader":
        return self


@dataclass(frozen=True)
class Wire:
    """An open connection."""

    socket: socket.socket
    reader: Reader

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        response = HTTPResponse(self.reader)  # type: ignore[arg-type]  # it calls makefile, no more
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())

    def is_closed(self) -> bool:
        """Whether the server closes; whatever it still says before is dropped."""
        try:
            while self.socket.recv(65_536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True)
class Server:
    """The command in a process of its own."""

    host: str
    port: int
    process_id: int

    @contextmanager
    def wire(self, timeout: float = 20) -> Iterator[Wire]:
        with socket.create_connection((self.host, self.port), timeout=timeout) as connection:
            yield Wire(connection, Reader(socket.SocketIO(connection, "r")))

    def ask(self, data: bytes) -> Answer:
        """The answer to these bytes on a connection of their own."""
        with self.wire() as wire:
            wire.send(data)
            return wire.answer()


@contextmanager
def serving(folder: Path, graph: bytes, **settings: str) -> Iterator[Server]:
    """A server of hash-tiny, with these settings; `folder` is for its store and its log."""
    publish_to(folder / "registry", graph)
    with serving_from(folder / "registry", folder, **settings) as server:
        yield server


@contextmanager
def serving_from(root: Path, folder: Path, **settings: str) -> Iterator[Server]:
    """A server of the artifacts in `root`; `folder` is for its log."""
    with (
        # A pipe that nobody reads would fill with the log, and stop the server.
        (folder / "stderr").open("w") as log,
        subprocess.Popen(
            COMMAND, env=environment(root, **settings), stdout=PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            url = urlsplit(address(announced(process)))
            assert url.hostname is not None
            assert url.port is not None
            yield Server(url.hostname, url.port, process.pid)
        finally:
            process.kill()


def post(body: bytes, *headers: str, path: str = "/predict", length: int | None = None) -> bytes:
    """A POST with these header lines and a Content-Length, true unless given."""
    n_bytes = len(body) if length is None else length
    lines = (f"POST {path} HTTP/1.1", "host: test", *headers, f"content-length: {n_bytes}", "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def get(target: bytes, *headers: str) -> bytes:
    """A GET of these very bytes."""
    lines = "".join(f"{line}\r\n" for line in ("host: test", *headers)).encode("latin-1")
    return b"GET " + target + b" HTTP/1.1\r\n" + lines + b"\r\n"
