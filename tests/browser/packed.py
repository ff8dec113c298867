"""The npm package as users get it: packed, installed beside each example, and served."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "connect-src 'self'; worker-src 'self'"
)
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT")
LINTERS = {"publint": "0.3.25", "@arethetypeswrong/cli": "0.18.5"}
INSTALL = ("npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")


def run(command: Sequence[str], folder: Path) -> str:
    """What the program prints; fails with all that it said."""
    environment = {**os.environ, "NO_COLOR": "1", "npm_config_update_notifier": "false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def install(folder: Path, dependencies: dict[str, str], *workspaces: str) -> None:
    """Exactly these packages, and those of the workspaces; skips where no registry answers."""
    manifest = {"private": True, "workspaces": workspaces, "devDependencies": dependencies}
    (folder / "package.json").write_text(json.dumps(manifest))
    done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True)
    if any(code in done.stderr for code in UNREACHABLE):
        pytest.skip("no package registry can be reached")
    assert done.returncode == 0, done.stderr


def pack(package: Path, target: Path) -> Path:
    """The archive that `npm publish` would send."""
    name = run(["npm", "pack", "--silent", "--pack-destination", str(target)], package).split()[-1]
    return target / name


def copy_examples(source: Path, target: Path, archive: Path) -> tuple[str, ...]:
    """The examples, on the packed library in place of the published one; names those to install."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    names = []
    for path in sorted(target.glob("*/package.json")):
        manifest = json.loads(path.read_text("utf-8"))
        manifest["dependencies"]["samegraph-web"] = f"file:{archive}"
        path.write_text(json.dumps(manifest))
        names.append(path.parent.name)
    return tuple(names)


class Host(SimpleHTTPRequestHandler):
    """Sends files with the policy that the README asks for."""

    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """Adds the policy."""
        self.send_header("content-security-policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The folder on a free port; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder))) as server:
        # A browser that closes a page in the middle of a download is no error.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
