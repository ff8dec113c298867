"""One folder with everything that a visit needs, and a server that sends it compressed."""

import io
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from benchmarks.suites.web.line import Line, Network
from registry import Artifact

HERE = Path(__file__).resolve().parent
WEB_BUNDLE = HERE.parents[2] / "web_bundle"
LIBRARY = WEB_BUNDLE / "dist" / "npm"
# All that a page loads of the library for a graph that reads text.
SCRIPTS = ("index.js", "worker.js")
# What a page never asks for that does not ask for WebGPU.
UNASKED = ("*.d.ts", "*.jspi.wasm", "node*.js", "webgpu.js")
# As for the page that is published: `.br` beside every file, and `.gz`.
COMPRESS = (
    f"import {{ compressAll }} from '{(WEB_BUNDLE / 'build' / 'compressed.mjs').as_uri()}';"
    "await compressAll(process.argv[1]);"
)


@dataclass(frozen=True)
class Site:
    """Where it is, and the line to it."""

    url: str
    line: Line


def lay_out(folder: Path, artifacts: Iterable[Artifact]) -> None:
    """The library as npm has it, its page, and the artifacts, all of it compressed, too."""
    shutil.copytree(LIBRARY, folder / "samegraph", ignore=shutil.ignore_patterns(*UNASKED))
    for artifact in artifacts:
        shutil.copytree(artifact.folder, folder / "models" / artifact.manifest.model_id)
    compress(folder)
    shutil.copy(HERE / "samegraph.html", folder)


def compress(folder: Path) -> None:
    """Puts `.br` beside every file. Raises CalledProcessError."""
    command = ["node", "--input-type=module", "-e", COMPRESS, str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def library_bytes(folder: Path) -> int:
    """Of the library's JavaScript in a folder that is laid out, compressed."""
    return sum((folder / "samegraph" / f"{name}.br").stat().st_size for name in SCRIPTS)


class _Paced(io.BufferedIOBase):
    def __init__(self, inner: BinaryIO, line: Line) -> None:
        self._inner = inner
        self._line = line

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        whole = memoryview(content)  # type: ignore[arg-type]
        self._line.send(whole, self._inner.write)
        return len(whole)


class _Host(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: object, line: Line, directory: str) -> None:
        self._line = line
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def setup(self) -> None:
        super().setup()
        self.wfile = _Paced(self.wfile, self._line)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._line.request()
        super().do_GET()

    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        return f"{found}.br" if Path(f"{found}.br").is_file() else found

    def guess_type(self, path: object) -> str:
        return super().guess_type(str(path).removesuffix(".br"))

    def end_headers(self) -> None:
        name = self.translate_path(self.path)
        if name.endswith(".br"):
            self.send_header("Content-Encoding", "br")
        page = name.endswith(".html")
        self.send_header("Cache-Control", "no-cache" if page else "max-age=86400, immutable")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A browser that closes a page in the middle of an answer is no error."""


@contextmanager
def served(folder: Path, network: Network) -> Iterator[Site]:
    """The folder on a free port of the loopback interface, behind a line of its own."""
    line = Line(network)
    host = partial(_Host, line=line, directory=str(folder))
    with _Server(("127.0.0.1", 0), host) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}/", line)
        server.shutdown()
        thread.join()
