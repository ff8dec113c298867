"""Whether the libraries give the same probabilities: before that, nothing is worth timing."""

import json
from collections.abc import Sequence

from benchmarks.bar import Bar, Verdict
from benchmarks.suites.web.subjects import Subject
from benchmarks.suites.web.visits import Chromium
from registry import Artifact

AGREEMENT = Bar("W1", "|Δp| between samegraph and transformers.js, same graph and texts", 1e-5)
TEXTS, WORDS = 12, 60
ASK = """async (texts) => {
  const detector = await window.create();
  const probabilities = [];
  for (const text of texts) probabilities.push(await detector.probability(text));
  await detector.dispose();
  return probabilities;
}"""


def agreement(chromium: Chromium, ours: Subject, theirs: Subject, texts: Sequence[str]) -> Verdict:
    """The largest difference decides."""
    own, other = (_probabilities(chromium, subject, texts) for subject in (ours, theirs))
    largest = max(abs(a - b) for a, b in zip(own, other, strict=True))
    return AGREEMENT.judge([largest], f"the largest of {len(texts)} natural texts")


def natural_texts(artifact: Artifact) -> tuple[str, ...]:
    """Golden texts that both libraries prepare alike: English, and no longer than a window."""
    lines = artifact.path("golden.jsonl").read_text("ascii").splitlines()
    words = (text.split() for line in lines if (text := json.loads(line)["text"]).isascii())
    return tuple(" ".join(found[:WORDS]) for found in words if len(found) >= 20)[:TEXTS]


def _probabilities(chromium: Chromium, subject: Subject, texts: Sequence[str]) -> list[float]:
    with chromium.page(subject) as page:
        found: list[float] = page.evaluate(ASK, list(texts))
    return found
