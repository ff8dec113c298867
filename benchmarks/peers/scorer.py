"""What every peer shares: the artifact's tokenizer and graph, with nothing of this project.

Texts of one window, in a normal form already: there it gives what the artifact gives.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer


class Scorer:
    """P(AI) of texts, in one padded batch."""

    def __init__(self, folder: Path, threads: int) -> None:
        """`folder` is the artifact's."""
        spec = json.loads((folder / "manifest.json").read_bytes())["input"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = ort.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(spec["max_tokens"])
        self._tokenizer.enable_padding(pad_id=spec["special_tokens"]["pad"])

    @classmethod
    def from_environment(cls) -> "Scorer":
        """Of ARTIFACT, with THREADS."""
        return cls(Path(os.environ["ARTIFACT"]), int(os.environ["THREADS"]))

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """In the order of the texts."""
        encoded = self._tokenizer.encode_batch(list(texts))
        feed = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": np.array([one.attention_mask for one in encoded], dtype=np.int64),
        }
        (probability,) = self._session.run(["probability"], feed)
        return [float(value) for value in probability]
