"""A static host for the page: any sub-path, the strict policy, and a record of every request."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PREFIX = "/some/deep/path/"
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    path: str
    headers: str
    body: bytes

    def carries(self, words: str) -> bool:
        return words in f"{self.path} {self.headers} {self.body.decode(errors='replace')}"


@dataclass(frozen=True)
class Answer:
    """What to say instead of the file; `times` is how often, `breaks_after` how many bytes come."""

    content: bytes
    status: int = 200
    media_type: str = "application/octet-stream"
    times: int = 1_000
    breaks_after: int | None = None
    content_range: str | None = None


@dataclass
class Site:
    """What is served, what is said instead, and what was asked for."""

    folder: Path
    url: str = ""
    instead: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def script(self, name: str) -> str:
        """Where a script of the page is: its folder is named after what is in it."""
        (found,) = self.folder.glob(f"page-*/{name}")
        return found.relative_to(self.folder).as_posix()

    def answer(self, name: str) -> Answer:
        instead = self.instead.get(name)
        if instead and instead.times:
            self.instead[name] = replace(instead, times=instead.times - 1)
            return instead
        path = self.folder / (name or "index.html")
        if not path.is_file():
            return Answer(b"", 404)
        media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return Answer(path.read_bytes(), 200, media_type)


def content_security_policy(folder: Path, page: str = "index.html") -> str:
    """The policy that the page asks for itself, which its host sends as a header too."""
    html = (folder / page).read_text(encoding="utf-8")
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert found, "index.html names its policy"
    return found[1]


def ranged(answer: Answer, wanted: str) -> Answer:
    """The rest of a whole file, where a request asks for it."""
    found = re.fullmatch(r"bytes=(\d+)-", wanted)
    if not found or answer.status != 200:
        return answer
    start, length = int(found[1]), len(answer.content)
    span = f"bytes {start}-{length - 1}/{length}"
    return replace(answer, content=answer.content[start:], status=206, content_range=span)


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Serves `folder` under PREFIX on a free port."""
    site = Site(folder)
    policy = content_security_policy(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._record()
            name = self.path.removeprefix(PREFIX).partition("?")[0]
            answer = site.answer(name) if self.path.startswith(PREFIX) else Answer(b"", 404)
            self._send(ranged(answer, self.headers.get("range", "")))

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

        def _record(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            site.received.append(Received(self.path, str(self.headers), body))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.media_type)
            self.send_header("content-length", str(len(answer.content)))
            self.send_header("content-security-policy", policy)
            if answer.content_range:
                self.send_header("content-range", answer.content_range)
            self.end_headers()
            self.wfile.write(answer.content[: answer.breaks_after])
            if answer.breaks_after is not None:
                self.close_connection = True

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # A browser that closes a tab in the middle of a download is no error.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}{PREFIX}"
        yield site
        server.shutdown()
        thread.join()
