"""MLServer with its adaptive batching. Runs in an environment of its own; PORT from outside."""

import os

import numpy as np
import uvloop
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.dialect import V2_MODEL
from benchmarks.peers.scorer import Scorer


class Detector(MLModel):  # type: ignore[misc]  # installed beside its own server only
    """Texts in, probabilities out."""

    async def load(self) -> bool:
        """When the server starts."""
        self._scorer = Scorer.from_environment()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        probabilities = self._scorer(StringCodec.decode_input(payload.inputs[0]))
        column = np.array(probabilities, np.float32)[:, None]
        outputs = [NumpyCodec.encode_output("probability", column)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


async def main() -> None:
    """Serve until a signal."""
    # In the server's own process: a worker beside it takes the second core from onnxruntime, and
    # is slower here. Ports other than PORT are any; metrics are asked for by nobody.
    settings = Settings(
        host="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=0,
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
    )
    # 32 is as many as are sent at a time; 2 ms is what it waits for them.
    model = ModelSettings(
        name=V2_MODEL, implementation=Detector, max_batch_size=32, max_batch_time=0.002
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    uvloop.run(main())
