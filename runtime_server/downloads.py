"""Downloads of artifact files: verified, cacheable, resumable."""

import asyncio
import base64
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from registry import DigestMismatchError, RegistryError, sha256_of_bytes
from registry.manifest import ArtifactFile
from registry.store import verify_file
from runtime_server.catalogue import ServedFile
from runtime_server.errors import (
    ArtifactCorruptError,
    InvalidRangeError,
    PinMismatchError,
    RangeNotSatisfiableError,
    ServerError,
)
from runtime_server.problems import problem_response

# An address without a pin means "the newest": a cache must ask before it uses what it has.
REVALIDATE: Final = "no-cache"
FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class FileIdentity:
    """What changes when somebody writes to a file."""

    device: int
    inode: int
    n_bytes: int
    modified_ns: int
    changed_ns: int


class Downloads:
    """Hands out files whose bytes are those of the manifest, and no others.

    A file is hashed once, and again when somebody has written to it.
    """

    def __init__(
        self, shared: Path | None = None, verify: Callable[[Path, ArtifactFile], None] = verify_file
    ) -> None:
        """`shared` is a folder where workers tell each other what they have verified."""
        self._shared = shared
        self._verify_file = verify
        self._verified: set[str] = set()

    async def response(self, served: ServedFile, headers: Headers, pin: str | None) -> Response:
        """The file, or 304 where the caller has it.

        Raises:
            PinMismatchError: `pin` is not the sha256 of the file.
            ArtifactCorruptError: the file on disk is not what the manifest says.
        """
        file = served.file
        if pin is not None and pin != file.sha256:
            raise PinMismatchError(
                f"{file.path} has sha256 {file.sha256} now", current_sha256=file.sha256
            )
        answer_headers = _headers(served, pinned=pin is not None)
        if _has_it(headers.get("if-none-match"), file.sha256):
            return Response(None, HTTPStatus.NOT_MODIFIED, answer_headers)
        descriptor = await asyncio.to_thread(self._opened, served)
        media_type = "application/json" if file.path.endswith(".json") else None
        return ArtifactFileResponse(
            descriptor,
            headers=answer_headers,
            media_type=media_type or "application/octet-stream",
            filename=file.path,
        )

    def _opened(self, served: ServedFile) -> int:
        """A descriptor of the file: what is verified is what is sent, whatever takes its place."""
        try:
            # Else what is no file, such as a pipe, would keep the thread waiting.
            descriptor = os.open(served.path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                self._verify(served, os.fstat(descriptor))
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor
        except (RegistryError, OSError) as exc:
            raise ArtifactCorruptError(
                f"{served.file.path} is missing or is not what the manifest says; publish it "
                "again and restart the server"
            ) from exc

    def _verify(self, served: ServedFile, stat: os.stat_result) -> None:
        found = _found(served, stat)
        if found in self._verified:
            return
        with _verified_by_another(self._shared, found) as is_verified:
            if not is_verified:
                self._verify_file(served.path.parent, served.file)
                if _found(served, os.stat(served.path)) != found:
                    raise DigestMismatchError(f"{served.path} was exchanged while it was read")
        self._verified.add(found)


@contextmanager
def _verified_by_another(shared: Path | None, found: str) -> Iterator[bool]:
    """Whether a worker has verified what was found; one at a time does, and leaves word."""
    if shared is None:
        yield False
        return
    # Several workers are a thing of Unix, as this module is.
    import fcntl

    with (shared / f"verified-{found}").open("ab") as word:
        fcntl.flock(word, fcntl.LOCK_EX)
        is_verified = os.fstat(word.fileno()).st_size > 0
        yield is_verified
        if not is_verified:
            word.write(b"verified")


class ArtifactFileResponse(FileResponse):
    """FileResponse (Range, If-Range, HEAD) of an open file, whose refusals are problem details."""

    def __init__(self, descriptor: int, **options: Any) -> None:  # noqa: ANN401
        """Closes the descriptor when it has been sent, or is not going to be."""
        super().__init__(f"/dev/fd/{descriptor}", stat_result=os.fstat(descriptor), **options)
        self._close = weakref.finalize(self, os.close, descriptor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, a part of it, or a problem."""
        try:
            await self._send_file(scope, receive, send)
        finally:
            self._close()

    async def _send_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal: Message | None = None

        async def unless_refused(message: Message) -> None:
            nonlocal refusal
            if message.get("status") in (HTTPStatus.BAD_REQUEST, 416):
                refusal = message
            if refusal is None:
                await send(message)

        await super().__call__(_only_byte_ranges(scope), receive, unless_refused)
        if refusal is not None:
            response = _refused(refusal, scope["path"])
            await response(scope, receive, send)


def _found(served: ServedFile, stat: os.stat_result) -> str:
    """A name for this file as it is now, and for what it should be."""
    identity = FileIdentity(
        stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    )
    return sha256_of_bytes(repr((served.file.sha256, *astuple(identity))).encode())


def _headers(served: ServedFile, *, pinned: bool) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(served.file.sha256)).decode()
    return {
        "ETag": f'"{served.file.sha256}"',
        "Cache-Control": FOR_EVER if pinned else REVALIDATE,
        "Repr-Digest": f"sha-256=:{digest}:",
        "Digest": f"sha-256={digest}",
    }


def _has_it(if_none_match: str | None, sha256: str) -> bool:
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or f'"{sha256}"' in tags


def _only_byte_ranges(scope: Scope) -> Scope:
    # RFC 9110 §14.2: a range unit that the server does not know is ignored.
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name != b"range" or value.strip().lower().startswith(b"bytes=")
    ]
    return {**scope, "headers": headers}


def _refused(message: Message, path: str) -> Response:
    content_range = Headers(raw=message["headers"]).get("content-range")
    if content_range is None:
        error: ServerError = InvalidRangeError("send a range such as bytes=0-1023")
        return problem_response(error, path)
    error = RangeNotSatisfiableError(f"the file is {content_range.partition('/')[2]} bytes long")
    return problem_response(error, path, {"Content-Range": content_range})
