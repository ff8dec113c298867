"""A static host for the page: any sub-path, the strict policy, and a record of every request."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """What to say instead of the file; `times` is how often."""

    content: bytes
    status: int = 200
    media_type: str = "application/octet-stream"
    times: int = 1_000


@dataclass
class Site:
    """What is served, what is said instead, and what was asked for."""

    folder: Path
    url: str = ""
    instead: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def answer(self, name: str) -> Answer:
        instead = self.instead.get(name)
        if instead and instead.times:
            self.instead[name] = Answer(
                instead.content, instead.status, instead.media_type, instead.times - 1
            )
            return instead
        path = self.folder / (name or "index.html")
        if not path.is_file():
            return Answer(b"", 404)
        media_type = MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return Answer(path.read_bytes(), 200, media_type)


def content_security_policy(folder: Path) -> str:
    """The policy that the page asks for itself, which its host sends as a header too."""
    html = (folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert found, "index.html names its policy"
    return found[1]


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
            self._send(site.answer(name) if self.path.startswith(PREFIX) else Answer(b"", 404))

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
            self.end_headers()
            self.wfile.write(answer.content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # A browser that closes a tab in the middle of a download is no error.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}{PREFIX}"
        yield site
        server.shutdown()
        thread.join()
