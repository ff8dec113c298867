"""transformers.js from npm, in an environment of its own, and a model laid out as it reads them."""

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.installation import ENVIRONMENTS, PeerMissingError
from benchmarks.suites.web.site import compress
from registry import Artifact

NAME = "transformers.js"
VERSION = "4.3.2"
HERE = Path(__file__).resolve().parent
ENVIRONMENT = ENVIRONMENTS / "transformers"
COMMAND = ("npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
# What its own documentation has a page without a bundler load, and the WebAssembly that asks for.
SCRIPT = "node_modules/@huggingface/transformers/dist/transformers.min.js"
RUNTIME = "node_modules/onnxruntime-web/dist"


def install(environment: Path = ENVIRONMENT) -> Path:
    """The folder of what its page loads, compressed; that of an earlier run of the same version.

    Raises PeerMissingError.
    """
    manifest = {"private": True, "dependencies": {"@huggingface/transformers": VERSION}}
    site, path = environment / "site", environment / "package.json"
    if site.is_dir() and json.loads(path.read_text("utf-8")) == manifest:
        return site
    shutil.rmtree(site, ignore_errors=True)
    environment.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    try:
        subprocess.run(COMMAND, cwd=environment, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as exc:
        last = exc.stderr.strip().splitlines()[-1:]
        raise PeerMissingError(f"npm cannot install {NAME}: {''.join(last)}") from exc
    except OSError as exc:
        raise PeerMissingError(f"npm cannot be started: {exc}") from exc
    _pick(environment, site)
    return site


def _pick(environment: Path, site: Path) -> None:
    part = site.with_name("site.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    shutil.copy(environment / SCRIPT, part)
    for path in (environment / RUNTIME).glob("ort-wasm-simd-threaded.*"):
        if ".jsep." not in path.name:
            shutil.copy(path, part)
    compress(part)
    part.rename(site)


def lay_out(artifact: Artifact, folder: Path) -> None:
    """Its page, script and WebAssembly, and the artifact that is laid out there in its own form.

    Raises PeerMissingError.
    """
    shutil.copytree(install(), folder / "transformers")
    shutil.copy(HERE / "transformers.html", folder)
    laid_out = folder / "models" / artifact.manifest.model_id
    model = folder / "transformers" / "models" / "minilm"
    (model / "onnx").mkdir(parents=True)
    for suffix in ("", ".br"):
        shutil.copy(laid_out / f"model.onnx{suffix}", model / "onnx")
        shutil.copy(laid_out / f"tokenizer.json{suffix}", model)
    (model / "config.json").write_text('{"model_type": "bert"}')
    tokens = artifact.manifest.input.max_tokens
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": tokens}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
