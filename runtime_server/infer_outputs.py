"""The tensors that an Open Inference Protocol request gets back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from runtime_server.result import PredictResult

OutputName = Literal["probability", "prediction", "confidence", "truncated"]
Datatype = Literal["FP32", "INT64", "BOOL"]
# Little-endian, as the binary form is.
_DTYPES: Final = {"FP32": "<f4", "INT64": "<i8", "BOOL": "?"}


@dataclass(frozen=True)
class Output:
    """A field of each result, as a tensor of shape [N]."""

    name: OutputName
    datatype: Datatype
    field: Callable[[PredictResult], object]

    def tensor(self, results: Sequence[PredictResult]) -> NDArray[np.generic]:
        """One element per result, in their order."""
        return np.array([self.field(result) for result in results], _DTYPES[self.datatype])


OUTPUTS: Final = (
    Output("probability", "FP32", lambda result: result.probability),
    Output("prediction", "INT64", lambda result: result.prediction),
    Output("confidence", "FP32", lambda result: result.confidence),
    Output("truncated", "BOOL", lambda result: result.metadata.truncated),
)


def output_of(name: OutputName) -> Output:
    """The output of that name."""
    return next(output for output in OUTPUTS if output.name == name)
