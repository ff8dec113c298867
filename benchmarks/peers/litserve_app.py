"""LitServe with its own batching. Runs in an environment of its own; PORT from outside."""

import os
from collections.abc import Sequence

import litserve

from benchmarks.peers.scorer import Scorer


class Detector(litserve.LitAPI):  # type: ignore[misc]  # installed beside its own server only
    """Texts in, probabilities out."""

    def setup(self, device: str) -> None:
        """In the worker process."""
        self._scorer = Scorer.from_environment()

    def decode_request(self, request: dict[str, str]) -> str:
        """The text."""
        return request["text"]

    def batch(self, inputs: Sequence[str]) -> Sequence[str]:
        """The scorer takes them as they are."""
        return inputs

    def predict(self, x: Sequence[str]) -> list[float]:
        """One batch."""
        return self._scorer(x)

    def unbatch(self, output: list[float]) -> list[float]:
        """One each."""
        return output

    def encode_response(self, output: float) -> dict[str, float]:
        """As the others answer."""
        return {"probability": output}


if __name__ == "__main__":
    # 32 is as many as are sent at a time; 2 ms is what LitServe waits for them.
    api = Detector(max_batch_size=32, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(host="127.0.0.1", port=int(os.environ["PORT"]), generate_client_file=False)
