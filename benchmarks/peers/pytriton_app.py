"""Triton through pytriton, with its dynamic batching. Runs in an environment of its own.

PORT from outside. The package brings Triton without its onnxruntime backend: the graph runs in
Python, as pytriton's own examples do it.
"""

import os

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.dialect import V2_MODEL
from benchmarks.peers.scorer import Scorer


def main() -> None:
    """Serve until a signal."""
    scorer = Scorer.from_environment()

    @batch  # type: ignore[untyped-decorator]
    def infer(text: np.ndarray) -> dict[str, np.ndarray]:
        probabilities = scorer([one.decode() for one in text[:, 0]])
        return {"probability": np.array(probabilities, np.float32)[:, None]}

    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        allow_grpc=False,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            V2_MODEL,
            infer,
            [Tensor(name="text", dtype=bytes, shape=(1,))],
            [Tensor(name="probability", dtype=np.float32, shape=(1,))],
            # 32 is as many as are sent at a time; 1 ms is what Triton waits for them.
            config=ModelConfig(
                max_batch_size=32, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)
            ),
            strict=True,
        )
        triton.serve()


if __name__ == "__main__":
    main()
