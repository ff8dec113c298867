"""One folder with everything that a visit needs, served without compression."""

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.browser.peer import lay_out
from registry import Artifact

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent.parent / "web_bundle" / "dist" / "npm"
PAGES = ("samegraph.html", "transformers.html")


def build(folder: Path, artifacts: Sequence[Artifact], peers: Artifact) -> None:
    """The pages, the library as npm has it, our artifacts, and the peer with the one for it."""
    for page in PAGES:
        shutil.copy(HERE / page, folder)
    shutil.copytree(LIBRARY, folder / "samegraph")
    for artifact in artifacts:
        shutil.copytree(artifact.folder, folder / "models" / artifact.manifest.model_id)
    lay_out(peers, folder / "transformers")


class _Host(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a free port of the loopback interface; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Host, directory=str(folder))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
