"""What clients of the Open Inference Protocol send to `/infer`."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt
from pydantic_core import PydanticCustomError

from runtime_server.errors import MalformedTensorError
from runtime_server.infer_outputs import OUTPUTS, OutputName
from runtime_server.requests import EXAMPLE_TEXT, BatchPredictRequest, Text
from runtime_server.tensor_body import decode_texts

INPUT: Final = "text"


def _of_texts(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not shape or shape[1:] not in ((), (1,)):
        raise PydanticCustomError("shape", "Input should be [N] or [N, 1]")
    return shape


Shape = Annotated[
    tuple[Annotated[StrictInt, Field(ge=1)], ...],
    AfterValidator(_of_texts),
    Field(json_schema_extra={"minItems": 1, "maxItems": 2}),
]


class Message(BaseModel):
    """Members that are not known are passed over: clients send those of other extensions."""

    model_config = ConfigDict(frozen=True)


class InputParameters(Message):
    """Of the input."""

    binary_data_size: StrictInt | None = Field(
        default=None, ge=0, description="Bytes of the tensor behind the JSON, instead of `data`."
    )


class InputTensor(Message):
    """The texts: N of them, whether the shape is [N] or [N, 1]."""

    name: Literal["text"]
    datatype: Literal["BYTES"]
    shape: Shape
    parameters: InputParameters | None = None
    # Each element is checked later on, so that the error can say which one it is.
    data: tuple[Any, ...] | None = Field(
        default=None,
        description="The texts, flat or each in a list of its own.",
        json_schema_extra={
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1},
                ]
            }
        },
    )

    def texts(self, tensors: bytes) -> tuple[object, ...]:
        """The elements, from `data` or from `tensors`, which are the bytes behind the JSON.

        Raises:
            MalformedTensorError: they are in neither or both, or not as many as the shape says.
        """
        size = self.parameters.binary_data_size if self.parameters else None
        if (self.data is None) == (size is None):
            raise MalformedTensorError("the input needs either data or binary_data_size")
        if len(tensors) != (size or 0):
            raise MalformedTensorError(
                f"{len(tensors)} bytes follow the JSON, and binary_data_size is {size or 0}"
            )
        if self.data is None:
            return decode_texts(tensors, self.shape[0])
        return self._flat(self.data)

    def _flat(self, data: tuple[Any, ...]) -> tuple[object, ...]:
        if len(data) != self.shape[0]:
            raise MalformedTensorError(
                f"the shape is for {self.shape[0]} elements, and data has {len(data)}"
            )
        return tuple(row[0] if isinstance(row, list) and len(row) == 1 else row for row in data)


class RequestedParameters(Message):
    """Of a requested output. What would ask for more than this is refused."""

    model_config = ConfigDict(extra="forbid")

    binary_data: StrictBool | None = Field(
        default=None,
        description="As bytes behind the JSON; if absent, as `binary_data_output` says.",
    )


class RequestedOutput(Message):
    """An output that the answer is to have."""

    name: OutputName
    parameters: RequestedParameters | None = None

    def in_binary(self, by_default: bool) -> bool:
        """Whether the output is to be binary."""
        binary = self.parameters.binary_data if self.parameters else None
        return by_default if binary is None else binary


class InferParameters(Message):
    """Of the request. Unknown ones are refused, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid")

    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        strict=True,
        allow_inf_nan=False,
        description="Decide at this probability instead of the model's own threshold.",
    )
    variant: str | None = Field(
        default=None,
        max_length=80,
        description="Variant of the model, such as `int8_token`; `default` is the model itself.",
    )
    prefer_backend: Literal["local", "modal"] | None = Field(
        default=None, description="Try this backend first."
    )
    timeout: StrictInt | None = Field(
        default=None,
        ge=0,
        description="Deadline in microseconds; 0 is the server's. X-Request-Timeout-Ms and the "
        "server's own may make it shorter.",
    )
    binary_data_output: StrictBool = Field(
        default=False,
        description="Outputs as bytes behind the JSON, where they do not say otherwise.",
    )

    @property
    def timeout_ms(self) -> int | None:
        """Milliseconds, rounded up; None where there is no such deadline."""
        return -(-self.timeout // 1000) if self.timeout else None


class InferRequest(Message):
    """Texts to judge. `id` comes back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "inputs": [
                        {
                            "name": INPUT,
                            "shape": [2],
                            "datatype": "BYTES",
                            "data": [EXAMPLE_TEXT, "hey, running late, sry!"],
                        }
                    ],
                    "outputs": [{"name": "probability"}],
                }
            ]
        },
    )

    id: Text | None = Field(None, max_length=1000)
    parameters: InferParameters | None = None
    inputs: tuple[InputTensor]
    outputs: tuple[RequestedOutput, ...] | None = Field(
        None, max_length=len(OUTPUTS), description="Empty or absent: all outputs."
    )

    @property
    def wishes(self) -> InferParameters:
        """The parameters, whether the request has some or not."""
        return self.parameters or InferParameters()

    def batch(self, texts: tuple[object, ...]) -> BatchPredictRequest:
        """The same wishes as a batch request. It cannot ask for a delegation."""
        wishes = self.wishes.model_dump(include={"variant", "prefer_backend", "threshold"})
        return BatchPredictRequest.model_validate({"texts": texts, **wishes})
