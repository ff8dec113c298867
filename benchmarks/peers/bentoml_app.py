"""BentoML with its adaptive batching. Runs in an environment of its own; PORT from outside."""

import os
import sys
from pathlib import Path

import bentoml

from benchmarks.peers.scorer import Scorer

ROOT = Path(__file__).resolve().parent.parent.parent


# One worker: the graph's threads fill the cores already.
@bentoml.service(workers=1, traffic={"timeout": 60})
class Detector:
    """Texts in, probabilities out."""

    def __init__(self) -> None:
        self._scorer = Scorer.from_environment()

    # 32 is as many as are sent at a time. `max_latency_ms` is when a request is given up, not how
    # long one waits for company: BentoML finds that out itself.
    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def predict(self, texts: list[str]) -> list[float]:
        """One batch."""
        return self._scorer(texts)


if __name__ == "__main__":
    # Inside of its environment, and nothing sent to anyone.
    os.environ.update(BENTOML_HOME=f"{sys.prefix}/bentoml", BENTOML_DO_NOT_TRACK="True")
    command = ["bentoml", "serve", "benchmarks.peers.bentoml_app:Detector"]
    options = ["--host", "127.0.0.1", "--port", os.environ["PORT"], "--working-dir", str(ROOT)]
    os.execv(sys.executable, [sys.executable, "-m", *command, *options])  # noqa: S606
