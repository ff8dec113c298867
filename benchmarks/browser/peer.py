"""transformers.js from npm, in an environment of its own, and a model laid out as it reads them."""

import json
import shutil
import subprocess
from pathlib import Path

from registry import Artifact

VERSION = "4.3.2"
ENVIRONMENT = Path(__file__).resolve().parent.parent / ".peers" / "transformers"
COMMAND = ("npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
# What its own documentation has a page without a bundler load, and the WebAssembly that asks for.
SCRIPT = "node_modules/@huggingface/transformers/dist/transformers.min.js"
RUNTIME = "node_modules/onnxruntime-web/dist"


def install() -> Path:
    """Its packages; those of an earlier run where these are the same version."""
    manifest = {"private": True, "dependencies": {"@huggingface/transformers": VERSION}}
    path = ENVIRONMENT / "package.json"
    if (ENVIRONMENT / SCRIPT).is_file() and json.loads(path.read_text("utf-8")) == manifest:
        return ENVIRONMENT
    ENVIRONMENT.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    subprocess.run(COMMAND, cwd=ENVIRONMENT, check=True, capture_output=True)
    return ENVIRONMENT


def lay_out(artifact: Artifact, target: Path) -> None:
    """Its script, its WebAssembly and the artifact's own graph and tokenizer, below `target`."""
    environment = install()
    target.mkdir(parents=True)
    shutil.copy(environment / SCRIPT, target)
    for path in (environment / RUNTIME).glob("ort-wasm-simd-threaded.*"):
        if ".jsep." not in path.name:
            shutil.copy(path, target)
    model = target / "models" / "minilm"
    (model / "onnx").mkdir(parents=True)
    shutil.copy(artifact.path("model.onnx"), model / "onnx")
    shutil.copy(artifact.path("tokenizer.json"), model)
    (model / "config.json").write_text('{"model_type": "bert"}')
    tokens = artifact.manifest.input.max_tokens
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": tokens}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
