"""infinity with its onnxruntime engine. Runs in an environment of its own; PORT from outside.

ARTIFACT is a folder as infinity_model.py makes it: infinity brings its own tokenizer and session.
"""

import os
import sys

from benchmarks.peers.dialect import V2_MODEL

# 32 is as many as are sent at a time. Its own rewriting of graphs knows those of the hub only.
OPTIONS = (
    *("--model-id", ".", "--served-model-name", V2_MODEL, "--engine", "optimum", "--device", "cpu"),
    *("--batch-size", "32", "--onnx-disable-optimize", "--no-model-warmup"),
    *("--host", "127.0.0.1", "--log-level", "warning"),
)

if __name__ == "__main__":
    # It looks for model.onnx below the working folder.
    os.chdir(os.environ["ARTIFACT"])
    os.environ.update(HF_HUB_OFFLINE="1", DO_NOT_TRACK="1")
    command = ["-m", "infinity_emb.cli", "v2", "--port", os.environ["PORT"], *OPTIONS]
    os.execv(sys.executable, [sys.executable, *command])  # noqa: S606
