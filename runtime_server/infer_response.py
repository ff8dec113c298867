"""What clients of the Open Inference Protocol get back from `/infer`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from registry import Backend, Manifest
from runtime_server.infer_outputs import OUTPUTS, Output, output_of
from runtime_server.infer_request import InferRequest
from runtime_server.result import PredictResult
from runtime_server.tensor_body import TensorBody


class Part(BaseModel):
    """Immutable. Members that do not apply are absent."""

    model_config = ConfigDict(frozen=True)


class OutputParameters(Part):
    """Of an output."""

    binary_data_size: int = Field(description="Bytes of the tensor behind the JSON.")


class OutputTensor(Part):
    """An output, with its `data` or with the size of its bytes behind the JSON."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: OutputParameters | None = None
    data: tuple[bool | int | float, ...] | None = None

    @classmethod
    def of(cls, output: Output, tensor: NDArray[np.generic], *, binary: bool) -> Self:
        """The tensor in one form or the other."""
        return cls(
            name=output.name,
            datatype=output.datatype,
            shape=tensor.shape,
            parameters=OutputParameters(binary_data_size=tensor.nbytes) if binary else None,
            data=None if binary else tuple(tensor.tolist()),
        )


class ResponseParameters(Part):
    """What the answer rests on."""

    backend: Backend
    artifact_digest: str
    threshold: float


class InferResponse(Part):
    """The model that answered, and the outputs in the order in which they were asked for."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: ResponseParameters
    outputs: tuple[OutputTensor, ...]


@dataclass(frozen=True)
class Wanted:
    """An output that is to be answered, and in which form."""

    output: Output
    binary: bool


def wanted_outputs(request: InferRequest) -> tuple[Wanted, ...]:
    """Those that the request names, else all."""
    by_default = request.wishes.binary_data_output
    if not request.outputs:
        return tuple(Wanted(output, by_default) for output in OUTPUTS)
    return tuple(
        Wanted(output_of(asked.name), asked.in_binary(by_default)) for asked in request.outputs
    )


def infer_answer(
    request: InferRequest, manifest: Manifest, results: Sequence[PredictResult]
) -> TensorBody:
    """The body for these results, of which there is at least one."""
    metadata = results[0].metadata
    wanted = wanted_outputs(request)
    tensors = tuple(one.output.tensor(results) for one in wanted)
    response = InferResponse(
        model_name=manifest.model_id,
        model_version=manifest.version,
        id=request.id,
        parameters=ResponseParameters(
            backend=results[0].backend,
            artifact_digest=metadata.artifact_digest,
            threshold=metadata.threshold,
        ),
        outputs=tuple(
            OutputTensor.of(one.output, tensor, binary=one.binary)
            for one, tensor in zip(wanted, tensors, strict=True)
        ),
    )
    binary = (t.tobytes() for one, t in zip(wanted, tensors, strict=True) if one.binary)
    return TensorBody(response.model_dump_json(exclude_none=True).encode(), b"".join(binary))
