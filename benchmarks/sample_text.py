"""One natural text that every runtime is asked."""

import json

from registry import Artifact

WORDS = 300


def sample_text(artifact: Artifact) -> str:
    """The first 300 words of the artifact's longest natural golden text."""
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return " ".join(max(texts, key=lambda text: len(set(text.split()))).split()[:WORDS])
